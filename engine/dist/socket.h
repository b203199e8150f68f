// TCP connections that carry texts, each with its length before it.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "engine/dist/patience.h"

namespace seqpe::dist {

/// For what is waited for from its making on, by one thread.
class Deadline {
 public:
  /// In `patience` times `timeout` seconds.
  explicit Deadline(double timeout, double patience = 1) : timeout_(timeout), patience_(patience) {}

  /// Seconds.
  double left() { return patience_ * timeout_ - waited_.seconds(); }
  /// Throws CommunicationError: `what` did not end in time.
  [[noreturn]] void throw_late(const std::string& what) const {
    dist::throw_late(what.c_str(), timeout_, patience_);
  }

 private:
  double timeout_, patience_;
  Waited waited_;
};

/// One end of a connection. All throw CommunicationError: at the deadline, and where the other end
/// is gone.
class Socket {
 public:
  /// Tries again until somebody listens there.
  static Socket connect(const std::string& address, int port, Deadline& deadline);

  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  /// Who is at the other end, for messages.
  void name(std::string other) { other_ = std::move(other); }
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  void send(const std::string& text, Deadline& deadline) const;
  std::string receive(Deadline& deadline) const;
  /// Whether something came, if only the end.
  bool has_news() const;
  /// Ends what others wait for at this end, too.
  void shut_down() const;

  int descriptor() const { return descriptor_; }
  /// Until there is something to read or accept (POLLIN), or room to write (POLLOUT): false at the
  /// deadline.
  bool is_ready(short event, Deadline& deadline) const;

 private:
  void receive_bytes(char* to, std::size_t bytes, Deadline& deadline) const;

  void wait_for(short event, Deadline& deadline) const;
  [[noreturn]] void throw_gone() const;
  void check_error(const char* direction) const;

  int descriptor_;
  std::string other_ = "another rank";
};

/// Waits for connections on a port of all this host's addresses; port 0: any that is free. Throws
/// CommunicationError where another process has it.
class Listener {
 public:
  explicit Listener(int port);
  int port() const;
  /// None at the deadline.
  std::optional<Socket> accept(Deadline& deadline) const;

 private:
  Socket socket_;
};

}  // namespace seqpe::dist
