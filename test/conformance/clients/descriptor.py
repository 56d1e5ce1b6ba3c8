"""A client of swtpm's control channel that brings the data channel along, as a virtual machine does: connects to the Unix
socket of its argument, passes one end of a socket pair with CMD_SET_DATAFD, then sends each line of hexadecimal from its
standard input as one TPM command over the other end and prints the answer."""
import array
import socket
import sys

CMD_SET_DATAFD = bytes([0, 0, 0, 0x10])


def main() -> None:
    control = socket.socket(socket.AF_UNIX)
    control.connect(sys.argv[1])
    mine, theirs = socket.socketpair()
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))
    control.sendmsg([CMD_SET_DATAFD], [rights])
    result = control.recv(4)
    theirs.close()
    print(result.hex(), flush=True)
    if result != bytes(4):
        return
    for line in sys.stdin:
        mine.sendall(bytes.fromhex(line.strip()))
        print(mine.recv(4096).hex(), flush=True)


main()
