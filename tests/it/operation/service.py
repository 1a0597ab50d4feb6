"""Does what systemd does with a socket unit: listens itself, starts the program with that socket, starts it anew on SIGUSR1."""
import ctypes
import os
import signal
import socket
import sys

command = sys.argv[1].split(" ")
listening = socket.create_server(("127.0.0.1", 0))
signals = {signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)


def start():
    child = os.fork()
    if child:
        return child
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    # PR_SET_PDEATHSIG: a test that fails leaves no program behind.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.dup2(listening.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), WATCHDOG_PID=str(os.getpid()))
    os.execv(command[0], command)


child = start()
while True:
    got = signal.sigwait(signals)
    if got == signal.SIGHUP:
        os.kill(child, got)
        continue
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    if got == signal.SIGTERM:
        sys.exit(os.waitstatus_to_exitcode(status))
    child = start()
