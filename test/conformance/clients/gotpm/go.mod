module esxsim.test/gotpm

go 1.24.0

require (
	github.com/google/go-attestation v0.6.1
	github.com/google/go-tpm v0.9.8
)

require golang.org/x/sys v0.41.0 // indirect

// Upstream test suites open their TPM through this module; ours gives them a TPM in another process.
replace github.com/google/go-tpm-tools => ./simulator
