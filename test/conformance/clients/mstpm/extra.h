// For the build with larger keys (test/conformance/setup.sh): the size that the reference code computes for their contexts,
// in place of the one among the simulator's own flags.
#undef MAX_CONTEXT_SIZE
#define MAX_CONTEXT_SIZE EXTRA_CONTEXT_SIZE
