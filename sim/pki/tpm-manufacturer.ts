/**
 * TEST ONLY. The certificate authority of a TPM manufacturer that does not exist. The private keys below were made once with
 * openssl, are public on purpose and protect nothing: never trust them outside a simulation.
 */

/** PKCS #8 PEM of the root's P-384 key. TEST ONLY. */
export const TPM_ROOT_KEY_PEM = `-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAvK13Zg8PM7nvAcUUs
UgceZ8C3Nj93hVMA+a5dlWA7YeRNvrqnBaxcDFFXWRUgvIuhZANiAATIc3uo//gE
BaSYgrLAglfCSQeGiwTP3P0g7aL3tmuYAIO3Ri/1i2ZTe5C8gHTs27iwSRfo4ZRa
4Yglj99XiY7mrYoekhr+DY8sl0aoKz0QF6s2vFDqdgT5EgMupBipe3A=
-----END PRIVATE KEY-----
`;

/** PKCS #8 PEM of the intermediate's P-384 key, which signs EK certificates. TEST ONLY. */
export const TPM_INTERMEDIATE_KEY_PEM = `-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDChDQn/Z8oe0T1NaBnV
4zeJgRE9YmAIaAfRXNune9OegTY15IaBa47i77O+UZHWJOWhZANiAAQR7M1Vjqoi
D/G/XXCArRHIm82q51N2y7fKpkf8rnoVbCqfBAyJZhkTtadAtU8UaHzg+lSTrRB/
E/gbNXh6h0wK9UQbNTao1/h5a+Z1LEx0gDgVGyGjkU0Wp6Mzbf8dr4A=
-----END PRIVATE KEY-----
`;

/** Subject of the root. */
export const TPM_ROOT_NAME = [
  ['O', 'esxsim test TPM manufacturer'],
  ['CN', 'esxsim test TPM root CA'],
] as const;

/** Subject of the intermediate. */
export const TPM_INTERMEDIATE_NAME = [
  ['O', 'esxsim test TPM manufacturer'],
  ['CN', 'esxsim test TPM EK CA'],
] as const;
