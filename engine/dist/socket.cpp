#include "engine/dist/socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

constexpr auto kBetweenTries = std::chrono::milliseconds(100);
constexpr std::uint64_t kLongestText = std::uint64_t{1} << 30;

[[noreturn]] void fail(const std::string& what) {
  throw CommunicationError(fmt::format("[dist] {}: {}.", what, std::strerror(errno)));
}

/// Messages leave at once; where none travel, a host that is gone is noticed within a minute.
void set_options(int descriptor) {
  const auto set = [&](int level, int option, int value) {
    ::setsockopt(descriptor, level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 6);
}

int new_socket() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) fail("cannot make a socket");
  set_options(descriptor);
  return descriptor;
}

constexpr double kLongestPoll = 0.5;  // seconds

/// Polls once, not beyond the deadline.
int poll_once(int descriptor, short event, Deadline& deadline) {
  pollfd waiting{descriptor, event, 0};
  const double seconds = std::clamp(deadline.left(), 0.0, kLongestPoll);
  return ::poll(&waiting, 1, static_cast<int>(std::ceil(1e3 * seconds)));
}

/// Empty, or why the host is not known.
std::string find_host(const std::string& host, int port, sockaddr_in& address) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) return ::gai_strerror(status);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
  std::memcpy(&address, found->ai_addr, sizeof address);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return "";
}

/// Empty, or why the other side was not reached.
std::string try_to_connect(int descriptor, const sockaddr_in& to, Deadline& deadline) {
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return "";
  if (errno != EINPROGRESS) return std::strerror(errno);
  while (poll_once(descriptor, POLLOUT, deadline) <= 0) {
    if (deadline.left() <= 0) return "no answer";
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? "" : std::strerror(error);
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
Socket::Socket(Socket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), other_(std::move(other.other_)) {}
Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(other_, other.other_);
  return *this;
}

Socket Socket::connect(const std::string& address, int port, Deadline& deadline) {
  // By the clock: looking for a host's name may take far longer than a wait.
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(deadline.left());
  while (true) {
    Socket socket(new_socket());
    sockaddr_in to{};
    std::string why = find_host(address, port, to);
    if (why.empty()) why = try_to_connect(socket.descriptor_, to, deadline);
    if (why.empty()) return socket;
    require<CommunicationError>(std::chrono::steady_clock::now() < end,
                                "[dist] cannot reach rank 0 at {}:{}: {}. Hint: MASTER_ADDR, "
                                "MASTER_PORT; rank 0's own messages.",
                                address, port, why);
    std::this_thread::sleep_for(kBetweenTries);
  }
}

bool Socket::is_ready(short event, Deadline& deadline) const {
  while (poll_once(descriptor_, event, deadline) <= 0) {
    if (deadline.left() <= 0) return false;
  }
  return true;
}

void Socket::wait_for(short event, Deadline& deadline) const {
  if (!is_ready(event, deadline)) deadline.throw_late("a message between this rank and " + other_);
}

void Socket::throw_gone() const {
  throw CommunicationError(
      fmt::format("[dist] {} is gone: it was killed, or ended with an error of its own, or of "
                  "another rank. Hint: its own messages.",
                  other_));
}

/// Returns where the call is only to be made again.
void Socket::check_error(const char* direction) const {
  if (errno == EAGAIN || errno == EINTR) return;
  if (errno == ECONNRESET || errno == EPIPE) throw_gone();  // with messages still on their way
  fail(fmt::format("a message {} {} failed", direction, other_));
}

void Socket::send(const std::string& text, Deadline& deadline) const {
  const std::uint64_t length = text.size();
  const std::string all = std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
  for (std::size_t sent = 0; sent < all.size();) {
    wait_for(POLLOUT, deadline);
    const ssize_t now =
        ::send(descriptor_, all.data() + sent, all.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (now < 0) check_error("to");
    sent += static_cast<std::size_t>(std::max<ssize_t>(now, 0));
  }
}

void Socket::receive_bytes(char* to, std::size_t bytes, Deadline& deadline) const {
  for (std::size_t received = 0; received < bytes;) {
    wait_for(POLLIN, deadline);
    const ssize_t now = ::recv(descriptor_, to + received, bytes - received, MSG_DONTWAIT);
    if (now == 0) throw_gone();
    if (now < 0) check_error("from");
    received += static_cast<std::size_t>(std::max<ssize_t>(now, 0));
  }
}

std::string Socket::receive(Deadline& deadline) const {
  std::uint64_t length = 0;
  receive_bytes(reinterpret_cast<char*>(&length), sizeof length, deadline);
  require<CommunicationError>(length <= kLongestText,
                              "[dist] what came is no message of a rank: it claims {} bytes.",
                              length);
  std::string text(length, '\0');
  receive_bytes(text.data(), text.size(), deadline);
  return text;
}

bool Socket::has_news() const {
  pollfd waiting{descriptor_, POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

void Socket::shut_down() const {
  ::shutdown(descriptor_, SHUT_RDWR);
}

Listener::Listener(int port) : socket_(new_socket()) {
  const int on = 1;  // what an ended process leaves behind does not keep the port
  ::setsockopt(socket_.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool bound = ::bind(socket_.descriptor(), reinterpret_cast<const sockaddr*>(&address),
                            sizeof address) == 0;
  if (!bound || ::listen(socket_.descriptor(), SOMAXCONN) != 0) {
    fail(
        fmt::format("cannot listen on port {} (another job on this host? Hint: another "
                    "MASTER_PORT)",
                    port));
  }
}

int Listener::port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(socket_.descriptor(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

std::optional<Socket> Listener::accept(Deadline& deadline) const {
  while (true) {
    if (!socket_.is_ready(POLLIN, deadline)) return {};
    const int descriptor =
        ::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
      set_options(descriptor);
      return Socket(descriptor);
    }
    const bool went_again = errno == ECONNABORTED || errno == EINTR || errno == EAGAIN;
    if (!went_again) fail("cannot accept a rank");
  }
}

}  // namespace seqpe::dist
