export const EK_CA_CHAIN: readonly Uint8Array[] = [];
