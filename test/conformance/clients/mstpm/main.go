// The TPM of Microsoft's reference implementation (in go-tpm-tools/simulator) behind standard input and output: a line in, a
// line out. `C <hex>` is a command, answered by the response in hexadecimal or by `failure` where the TPM is in failure mode;
// `P` a power cycle, `S`, `D <hex>` and `E` the start, the data and the end of a hash sequence by the platform, each answered
// by `ok`. The TPM is not started: the client says TPM2_Startup itself.
package main

/*
#include <stdbool.h>
#include <stdint.h>

// Of the simulator package, which is linked into the same program; weak, so that this package compiles alone.
extern void _plat__Reset(bool force) __attribute__((weak));
extern void _TPM_Hash_Start(void) __attribute__((weak));
extern void _TPM_Hash_Data(uint32_t size, unsigned char *data) __attribute__((weak));
extern void _TPM_Hash_End(void) __attribute__((weak));
*/
import "C"

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/google/go-tpm-tools/simulator"
)

// A response is never longer.
const maxResponse = 4096

func perform(tpm io.ReadWriter, kind string, data []byte) string {
	switch kind {
	case "C":
		if len(data) == 0 {
			log.Fatal("an empty command")
		}
		if _, err := tpm.Write(data); err != nil {
			return "failure"
		}
		response := make([]byte, maxResponse)
		n, err := tpm.Read(response)
		if err != nil {
			log.Fatal(err)
		}
		return hex.EncodeToString(response[:n])
	case "P":
		C._plat__Reset(false)
	case "S":
		C._TPM_Hash_Start()
	case "D":
		if len(data) > 0 {
			C._TPM_Hash_Data(C.uint32_t(len(data)), (*C.uchar)(&data[0]))
		}
	case "E":
		C._TPM_Hash_End()
	default:
		log.Fatalf("unknown request %q", kind)
	}
	return "ok"
}

func main() {
	log.SetFlags(0)
	tpm, err := simulator.Get()
	if err != nil {
		log.Fatal(err)
	}
	// simulator.Get has started the TPM and reads no answer of it; a made-new one follows that nobody has started.
	if _, err := io.ReadAll(io.LimitReader(tpm, maxResponse)); err != nil {
		log.Fatal(err)
	}
	C._plat__Reset(true)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<16), 1<<20)
	for lines.Scan() {
		kind, text, _ := strings.Cut(lines.Text(), " ")
		data, err := hex.DecodeString(text)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(perform(tpm, kind, data))
	}
}
