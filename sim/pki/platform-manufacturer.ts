/**
 * TEST ONLY. The certificate authority of a platform manufacturer that does not exist. The private keys below were made once with
 * openssl, are public on purpose and protect nothing: never trust them outside a simulation.
 */

/** PKCS #8 PEM of the root's P-384 key. TEST ONLY. */
export const PLATFORM_ROOT_KEY_PEM = `-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAYb5OWhdZeFNHPqfpn
gTmiC8nYLzCm+He3/SVMNoKU99hw1pgdbQvKPpn2xuEeYUahZANiAAQFXFuw6FsP
tg6q0UgpIwklTY1FoTxrWd7HWgQl9Z4xP6GVp0SDtQhMXAv30XxgawsX9Gb0vFYp
uovvZBULoQBdQZ/Q9UFlFyDbAyLbZc6ONxpQZbJOZaNzEdYjkKGTQQI=
-----END PRIVATE KEY-----
`;

/** PKCS #8 PEM of the P-384 key that signs platform certificates. TEST ONLY. */
export const PLATFORM_SIGNER_KEY_PEM = `-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDC+LtukQYhG1Wjlgqg1
w+oL57pJh0c2v/6fUWgAwG/D4Sw0XUAvxh/4+a1OAF8UGfehZANiAAS5xh3WlAkc
Ljjx1rolrnCRdhDooKREyleV8TLwa9/TMGFtv/2s5du10a/Yd+EYfZK30AOEjlMc
vGri2xsRiPhvfuTDwfweslZvEQy3OjrhIfbNx+Vz0dXZcjeeZd1w5hA=
-----END PRIVATE KEY-----
`;

/** Subject of the root. */
export const PLATFORM_ROOT_NAME = [
  ['O', 'esxsim test platform manufacturer'],
  ['CN', 'esxsim test platform root CA'],
] as const;

/** Subject of the signer of platform certificates. */
export const PLATFORM_SIGNER_NAME = [
  ['O', 'esxsim test platform manufacturer'],
  ['CN', 'esxsim test platform certificates'],
] as const;
