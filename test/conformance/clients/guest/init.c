/*
 * First process of a small Linux (test/conformance/linux-guest.ts): mounts what programs expect, runs /guest.sh with its output
 * on the second serial port, and switches the machine off.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  mount("proc", "/proc", "proc", 0, 0);
  mount("sysfs", "/sys", "sysfs", 0, 0);
  mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
  int output = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
  int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  dup2(output, 1);
  dup2(output, 2);
  if (fork() == 0) {
    char *const arguments[] = {"/usr/bin/bash", "/guest.sh", 0};
    char *const environment[] = {"PATH=/usr/bin", "HOME=/tmp", "TMPDIR=/tmp", 0};
    execve(arguments[0], arguments, environment);
    perror(arguments[0]);
    _exit(127);
  }
  int status;
  wait(&status);
  sync();
  reboot(RB_POWER_OFF);
  return 0;
}
