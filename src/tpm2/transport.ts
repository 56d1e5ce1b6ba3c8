/** Locality a command comes from: 0 ordinary software, 1 OS under a measured launch, 2 that launched environment, 3 SINIT, 4 the CPU. */
export type Locality = 0 | 1 | 2 | 3 | 4;

/**
 * A TPM 2.0 that command bytes can be sent to: the embedded engine, swtpm, the Microsoft simulator, a device. Everything
 * above this line knows nothing else about the TPM.
 */
export interface TpmTransport {
  /**
   * Somebody else powered the TPM and started it with TPM2_Startup(CLEAR) at locality 0, as an operating system does with the
   * device it offers: {@link powerOn} cannot work, and the TPM is used as it is.
   */
  readonly running?: boolean;
  /** One command in, the whole response out. Throws an InputError where the TPM cannot be reached. */
  transmit(command: Uint8Array, locality: Locality): Promise<Uint8Array>;
  /** Platform reset: power cycle and `_TPM_Init`; the TPM then expects TPM2_Startup. */
  powerOn(): Promise<void>;
  /** `_TPM_Hash_Start` at locality 4: before TPM2_Startup it opens an H-CRTM sequence, after it a dynamic launch. */
  hashStart(): Promise<void>;
  /** `_TPM_Hash_Data`: bytes measured by the open hash sequence. */
  hashData(data: Uint8Array): Promise<void>;
  /** `_TPM_Hash_End`: closes the hash sequence and extends its result. */
  hashEnd(): Promise<void>;
  /** Releases the connection. */
  close(): Promise<void>;
}
