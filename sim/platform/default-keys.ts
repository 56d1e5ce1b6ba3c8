/**
 * Secure Boot certificates of a simulated machine: public certificates of the test PKI in vib-samples/pki.
 * Written by `npm run samples`; do not edit.
 */
import { tryFromBase64 } from '../../src/bytes/bytes.ts';
import { guid } from '../../src/uefi/guid.ts';

/** Certificates (DER) of each variable, and the owner of their entries. */
export interface SecureBootKeys {
  readonly owner: Uint8Array;
  readonly pk: readonly Uint8Array[];
  readonly kek: readonly Uint8Array[];
  readonly db: readonly Uint8Array[];
}

const certificate = (base64: string): Uint8Array => tryFromBase64(base64) ?? new Uint8Array(0);

/** The default keys: test certificates, never a vendor's. */
export const DEFAULT_SECURE_BOOT_KEYS: SecureBootKeys = {
  owner: guid('b8d6a3f0-5c1e-4e7a-9d42-e5c51a0b7c36'),
  pk: [
    // O=esxsim test PKI,CN=esxsim test Platform Key
    certificate(
      'MIIDODCCAiCgAwIBAgICEAMwDQYJKoZIhvcNAQELBQAwPTEhMB8GA1UEAwwYZXN4c2ltIHRlc3QgUGxhdGZvcm0gS2V5MRgwFgYD' +
        'VQQKDA9lc3hzaW0gdGVzdCBQS0kwHhcNMTcwMTAxMDAwMDAwWhcNNDkxMjMxMjM1OTU5WjA9MSEwHwYDVQQDDBhlc3hzaW0gdGVz' +
        'dCBQbGF0Zm9ybSBLZXkxGDAWBgNVBAoMD2VzeHNpbSB0ZXN0IFBLSTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAOhr' +
        'tfST6tVhMWF22qb7NWdjdDk8y/+i4+BVwEm5oOGjwNSkAHPWNnAwccqe44GRj6lbZrOMuQd/KXXLJoPFirwNzNhdpsz07WQxCzc2' +
        'Vh8WmGIKt4BBoPX1rq063LJuKvFfswdLPMOJudfz8wQciLbku6p4gMPBVJ1QAtI8py7ZCZvvfNjc8SucxtCW5yic3ch3I20Qv3fl' +
        'OvUG9pTa4wSP6bWCG3TAwh49xFX8oEOsFXncwgQOyGQ6CIQDqmBoIV/JUIc00A6BRW4lUn1368Am1Ka7vY5aGexxaprfrvFjOmOL' +
        'jF6AJ58yu7KzHyQekdsSVeE17RtusNNHMPR2XikCAwEAAaNCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYD' +
        'VR0OBBYEFIluNRsD3BPrDXloAaARETB06OMBMA0GCSqGSIb3DQEBCwUAA4IBAQDWpyzq/mO7PU8g+DwMtF5BRhhynJOITEwWQw1d' +
        'Eh6Qrte4qf/i7bI1gNqPtNBUbzRRiER/fg+xZPfCRsWr+RQjbgYR5iH1FX39ysm04pJ6C+VlDta4sT9iMC26t8MepNGXOxGV6Gob' +
        'SP57WTd0X8ujJhmcrJ7LRKVvcIEc/yi7jZ+lJuKXC0pWh0xMWTA5oMiDxOM//gAjik8g5R/49Yf2zyEcjRwTxSOQJOb7CxYtnHlL' +
        '1J0+TXu5VtzEHY9p71YoyiHaw8vcWEJi0dcI1gmzt4AjZs9eY70YH5bUxX5e+eQfoxwFZIIiy3o6uWQL5kot4cDwOot5XptAweEM' +
        'u6DT',
    ),
  ],
  kek: [
    // O=esxsim test PKI,CN=esxsim test Key Exchange Key
    certificate(
      'MIIDXTCCAkWgAwIBAgICEAQwDQYJKoZIhvcNAQELBQAwPTEhMB8GA1UEAwwYZXN4c2ltIHRlc3QgUGxhdGZvcm0gS2V5MRgwFgYD' +
        'VQQKDA9lc3hzaW0gdGVzdCBQS0kwHhcNMTcwMTAxMDAwMDAwWhcNNDkxMjMxMjM1OTU5WjBBMSUwIwYDVQQDDBxlc3hzaW0gdGVz' +
        'dCBLZXkgRXhjaGFuZ2UgS2V5MRgwFgYDVQQKDA9lc3hzaW0gdGVzdCBQS0kwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIB' +
        'AQDDyfGH6TGpmG3O0qO3dON/cl182bKLsAeTA845xyAPWGYvtgTjW7ultquBhj0F80zd56Zkin+RUJBj0BlwxXnLTt2O+DvDPXpv' +
        'HO73ZOjWMlPh2wi86OTFdknUKJItwKQpyzoeAgqCKO+UpyQ8kTNrj36zN2jwq0L2439fAvBCwAc3xrWRuHdb/8LkosNVdsOk5XTl' +
        'lgci+SHrRUjfPyiDjhB05NVVBPfNdSREppmSGd4Mcl3RWdelWK4uh5FCY3Qs33BlDkq1XXxBdGeE1AaSoYJ0k+gDw1dLsbj/IWnJ' +
        'tP5trLXHIyO/QxBP+nrSI0M+b96vvkLDrGDXyTg+PgafAgMBAAGjYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEG' +
        'MB0GA1UdDgQWBBTRuFGd39EXMJ5qxNKlZ49RPp1p1jAfBgNVHSMEGDAWgBSJbjUbA9wT6w15aAGgEREwdOjjATANBgkqhkiG9w0B' +
        'AQsFAAOCAQEAJc4Dr8WZe17RB9aMeDU+OA4OkCquP72c6AmUxR0HzGBWdJEJ8lb3GThBzQzD1rLDp97wicl0L3yA4FiYP926+yge' +
        'NI9R6KqjGyGUFATtJoXoBPrGBhfs/OKRbVeNS5GiVYtFGau7EnqPK7afblgUzCrAJvUWGD1S/7qw0DVA+3fJljKHLC+2oF/chqYw' +
        'qmp89KBXkvieQJevSiNHxXFhzgXLM2cJqSwpw+3JZ9u908lDX2POOjYTxS1tWioSP8B3Oh1IH6u8dPgEjm5YUkVsEif0s8Q20+CW' +
        'SEJn1dXbTVjsdnMXlQOYe+bhg19YoFmq7luZkCzWxYgd8pemkcoGZA==',
    ),
  ],
  db: [
    // O=esxsim test PKI,CN=esxsim test Secure Boot CA
    certificate(
      'MIIDPDCCAiSgAwIBAgICEAUwDQYJKoZIhvcNAQELBQAwPzEjMCEGA1UEAwwaZXN4c2ltIHRlc3QgU2VjdXJlIEJvb3QgQ0ExGDAW' +
        'BgNVBAoMD2VzeHNpbSB0ZXN0IFBLSTAeFw0xNzAxMDEwMDAwMDBaFw00OTEyMzEyMzU5NTlaMD8xIzAhBgNVBAMMGmVzeHNpbSB0' +
        'ZXN0IFNlY3VyZSBCb290IENBMRgwFgYDVQQKDA9lc3hzaW0gdGVzdCBQS0kwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIB' +
        'AQCmDYYJFYrr2u5xRu9FoAe4K7XIOccdyScaMgOX9kygnTTy/iSjm1e3eGQN9eWMX3IA+zXClKOMDqwpiQjGhSEhFReyV8r1USIj' +
        'o3KXsY9pUhADuWw5MeNWdOcrNeQd7K/+Wmm300ri1x+96fwIfrSl0u6FDgdEdOx1Nym/ENQ+8DnACSu8re7XnVh8gnwl5I7YOQUb' +
        'MqjYmCPWkf+whjV4p76xtGYlUt+qRN058LZBsBN7YX5lIAUy/9lgWIfXlQWB30GebBNh77SLX7RqjZZjItPWtd38OjJv1doxsltW' +
        'aZzWRoMvCbVW+mWQhFKBrU7ubp87SVpWPerx/0Zbdk2hAgMBAAGjQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEG' +
        'MB0GA1UdDgQWBBS8wX+ukucbbffdOBCfm8QcVjcuGzANBgkqhkiG9w0BAQsFAAOCAQEAe488HY27bnTUnWB1ZYvjRlMgtWjSve+P' +
        'tGw7PiEcRtBDCv14MXTlz31q6lP/eAFgJsOK4GTcWELDsDHdl0i1B6cFBDIUo41QE+QNh7fMorGBNlHMjRNNG3ChB8YZaO4VZvef' +
        'lsZkw8OflaJF5rSuPaZXUfVMfTuvT6CQ5pAQdbzGqcFUeVwZ/1q+niPrAy8UM3JYsPCD9UL0i03qWeuV5Nd03zdLN1UVuskMWJ1m' +
        'a26mQYU65hjW7z14mLTRpIX806xuWaBITuabWHU3lP/RLBbFqAgj9Xue1mnJJXUusV4JdZ/L3Q/VqlggPGYws3Axqpq01cIZJxrs' +
        'c0dSuuwnMw==',
    ),
    // O=esxsim test PKI,CN=esxsim test unrelated Secure Boot CA
    certificate(
      'MIIDUDCCAjigAwIBAgICEAcwDQYJKoZIhvcNAQELBQAwSTEtMCsGA1UEAwwkZXN4c2ltIHRlc3QgdW5yZWxhdGVkIFNlY3VyZSBC' +
        'b290IENBMRgwFgYDVQQKDA9lc3hzaW0gdGVzdCBQS0kwHhcNMTcwMTAxMDAwMDAwWhcNNDkxMjMxMjM1OTU5WjBJMS0wKwYDVQQD' +
        'DCRlc3hzaW0gdGVzdCB1bnJlbGF0ZWQgU2VjdXJlIEJvb3QgQ0ExGDAWBgNVBAoMD2VzeHNpbSB0ZXN0IFBLSTCCASIwDQYJKoZI' +
        'hvcNAQEBBQADggEPADCCAQoCggEBAJaej4Xz3wkk1LX2JCTLzpyf3CqqWAFXaHFoQKpNk07XcEsydqS17Lc7TYk8kny+UEP0VafP' +
        'jRgfZBAKt1N7Z7H3r1VeDzEeFbInTX1J9D/9Aq6J/OV7KXeSWeF5kGm0B9cvkZ6jIL9ALSl9qVkhVAA7yty1W0bGg3cu2Nblkcyq' +
        'nOEjV+NZU1d8QcwsKZbNDJcQQ+Dv9YA2R4IKU56bKg+cOSqxT2i8VTS1uD73ryCUS4iPtl6oarEWtz9LViwnrRMA8dY0dETaMDfG' +
        'ojL6PZBpCODoimTFSef41YU+TYU0SUM2iijP4BUIWkcTTJ+su+BZjHzrc3hhgyBBktDyliECAwEAAaNCMEAwDwYDVR0TAQH/BAUw' +
        'AwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFCPzVdXziuapjdn/1Vro0aycRSUDMA0GCSqGSIb3DQEBCwUAA4IBAQCDVpsR' +
        'lDj6m66lOLkbBmHbx+JO+HeaR28yy9eZ0kR0ANwIU/JxTnhPhl1gh4Doy6l+R0tNM5bEZdtN4u9NONicCszj0a3g6E7FxffHj/Qp' +
        'uOYIZT4vnnXbzbbJaeR7IAkI2TZFszIb0sSQsmaJqBT6nX+cvYMJaLyrqlcrp+QE7DgRl1BiTrM2ORbMpQxC3XDrDco+RNFzJKGz' +
        'MFWxIxycyTZ9rbtJco7Xy0qp/O0uxGJlIxl30yrd9IOsZADWDvdZtc+EFcqCIx/zBTZp1tbpgSG7fJsuKry8H4b9DMxB+8EbyAGG' +
        '767ZgEfVdLlrKbBuyyNp+uKDYmP8FF49lk2s',
    ),
  ],
};
