// A server for Windows that knows nothing of relaunch: it speaks the client's
// side of the protocol of systemfd and listenfd, in Winsock alone.
//
//   relaunch run --listen http=tcp://127.0.0.1:8080 -- listenfd.exe
#include <winsock2.h>

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Begin: what a server has to do for its listeners.
std::vector<SOCKET> take_listeners() {
  const std::string server = variable("SYSTEMFD_SOCKET_SERVER");
  const std::string question = variable("SYSTEMFD_SOCKET_SECRET") + '|' +
                               std::to_string(GetCurrentProcessId());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<u_short>(
      std::atoi(server.substr(server.find(':') + 1).c_str())));
  const SOCKET link = socket(AF_INET, SOCK_STREAM, 0);
  connect(link, reinterpret_cast<sockaddr*>(&address), sizeof address);
  send(link, question.data(), static_cast<int>(question.size()), 0);
  shutdown(link, SD_SEND);
  std::vector<SOCKET> taken;
  WSAPROTOCOL_INFOW info;
  while (recv(link, reinterpret_cast<char*>(&info), sizeof info, MSG_WAITALL) ==
         sizeof info) {
    taken.push_back(
        WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                   &info, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
  }
  closesocket(link);
  return taken;
}
// End.

// Answers whoever has come, if no other generation has been faster.
void answer_next(SOCKET listener) {
  const SOCKET client = accept(listener, nullptr, nullptr);
  if (client == INVALID_SOCKET) return;
  u_long blocking = 0;  // as the listener is not
  ioctlsocket(client, FIONBIO, &blocking);
  char request[4096];
  if (recv(client, request, sizeof request, 0) > 0) {
    const std::string body = std::to_string(GetCurrentProcessId()) + '\n';
    const std::string reply =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    send(client, reply.data(), static_cast<int>(reply.size()), 0);
    shutdown(client, SD_SEND);
  }
  closesocket(client);
}

std::mutex answering;

// On a thread of the system: what was accepted is answered first.
void stop(int) {
  answering.lock();
  std::_Exit(0);
}

}  // namespace

int main() {
  WSADATA data;
  if (WSAStartup(MAKEWORD(2, 2), &data) != 0) return 1;
  const std::vector<SOCKET> listeners = take_listeners();
  if (listeners.empty()) return 2;
  std::signal(SIGBREAK, stop);
  std::signal(SIGINT, stop);
  u_long without_blocking = 1;
  ioctlsocket(listeners.front(), FIONBIO, &without_blocking);
  WSAPOLLFD arrival{listeners.front(), POLLRDNORM, 0};
  while (WSAPoll(&arrival, 1, -1) > 0 && (arrival.revents & POLLRDNORM) != 0) {
    const std::lock_guard lock{answering};
    answer_next(listeners.front());
  }
  return 0;
}
