module github.com/google/go-tpm-tools

go 1.24.0
