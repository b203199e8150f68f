// TCP connections that carry texts, each with its length before it.
#pragma once

#include <chrono>
#include <string>

namespace seqpe::dist {

using Deadline = std::chrono::steady_clock::time_point;

/// One end of a connection. All throw CommunicationError: at the deadline, and where the other end
/// is gone.
class Socket {
 public:
  /// Tries again until somebody listens there.
  static Socket connect(const std::string& address, int port, Deadline deadline);

  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  void send(const std::string& text, Deadline deadline) const;
  std::string receive(Deadline deadline) const;
  /// Whether something came, if only the end.
  bool has_news() const;
  /// Ends what others wait for at this end, too.
  void shut_down() const;

  int descriptor() const { return descriptor_; }
  /// Until there is something to read or accept (POLLIN), or room to write (POLLOUT).
  void wait_for(short event, Deadline deadline) const;

 private:
  void receive_bytes(char* to, std::size_t bytes, Deadline deadline) const;

  int descriptor_;
};

/// Waits for connections on a port of all this host's addresses; port 0: any that is free. Throws
/// CommunicationError where another process has it.
class Listener {
 public:
  explicit Listener(int port);
  int port() const;
  Socket accept(Deadline deadline) const;

 private:
  Socket socket_;
};

}  // namespace seqpe::dist
