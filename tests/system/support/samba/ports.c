// Preloaded into samba, whose LDAP ports are fixed: each is bound to loopback at the port that the environment names
// (PORT_389, PORT_636, PORT_3268, PORT_3269), and named back where samba asks for the port that it serves, for it
// speaks TLS only at 636 and 3269.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static const int FIXED[] = {389, 636, 3268, 3269};

static int given(int fixed) {
  char name[16];
  snprintf(name, sizeof name, "PORT_%d", fixed);
  const char *port = getenv(name);
  return port ? atoi(port) : 0;
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
  static int (*original)(int, const struct sockaddr *, socklen_t);
  if (!original) original = dlsym(RTLD_NEXT, "bind");
  struct sockaddr_in moved;
  if (!address || address->sa_family != AF_INET || length < sizeof moved) return original(fd, address, length);
  moved = *(const struct sockaddr_in *)address;
  for (unsigned i = 0; i < 4; i++) {
    if (ntohs(moved.sin_port) != FIXED[i] || !given(FIXED[i])) continue;
    moved.sin_port = htons(given(FIXED[i]));
    moved.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    break;
  }
  return original(fd, (struct sockaddr *)&moved, sizeof moved);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length) {
  static int (*original)(int, struct sockaddr *, socklen_t *);
  if (!original) original = dlsym(RTLD_NEXT, "getsockname");
  int answer = original(fd, address, length);
  if (answer != 0 || address->sa_family != AF_INET || *length < sizeof(struct sockaddr_in)) return answer;
  struct sockaddr_in *local = (struct sockaddr_in *)address;
  for (unsigned i = 0; i < 4; i++)
    if (ntohs(local->sin_port) == given(FIXED[i])) {
      local->sin_port = htons(FIXED[i]);
      break;
    }
  return answer;
}
