/**
 * TEST ONLY. The RSA-2048 key that signs the simulated authenticated code modules (SINIT). A simulated chipset trusts it; no
 * real one does. Made once with openssl; it is public on purpose and protects nothing.
 */
import { tryFromBase64 } from '../../src/bytes/bytes.ts';
import type { RsaPrivateKey } from '../../src/crypto/primitives.ts';

const part = (base64: string): Uint8Array => tryFromBase64(base64) ?? new Uint8Array(0);

/** Signing key of simulated ACMs. */
export const ACM_SIGNER: RsaPrivateKey = {
  kind: 'rsa',
  e: 65537,
  n: part(
    '5W16fSoMn5T5P3JrI/3y6PifUnRMafPEmHxSCPy8Wj9H0QvMUVt6MIeTjM20zE+1dAZl4yauyd4Ls6NIp2NpadWN+KK8lxBiaOJX' +
      'NO2McJjUTjXenTgJRBz6oQT1sbb7AFnXUw8k7Jc78a3HWcWBXxZR4IhWtAl4rnCWLe7BU9cu6VkplgGvrHgFAP4voTtITBfLknK4' +
      '9kAVhRvDL5d3CuSTrxpbolrT+qyoi5Y6enviTglAsSLU7OQUdPSVR3+jUBePXpZVsoaUK1MPzAQKvSxKfYeQCCeyI0A5Wt/j+bqB' +
      'qipRAQ7N013rFQhilygJluO67n56Dslj9MYjppG2Qw==',
  ),
  d: part(
    'B52oPMJqE9wOoBAMxW+XIiuqokKRDM1WP9eUo468M+S43hQdrq+yMS029SwY7dVRiS3zMOSmVbYkvkxTy5att6Eqqs/AIeWd1qx4' +
      'x52BFXXFSmlYX/CtwhCSM0kmXMVdtKfG0Y+FosLsbvvdS7oWLtFfW2w7MJPF6Uh8e77atQ01/Ym77Ek06k7QnqiWVeitSSiBjwxx' +
      'ph7z72uGaibOOV/C2luG7NWzhWdfG1qSo+X+6/77oYP9f9VfK0S++HXFaWl4lZVcX/vgzNbTapSMbB3lsqOjHGdKTSNXY1yYy3/X' +
      'JalDfA4skllgzPkvlCpPN92hlv25/wEojWu4liLGbQ==',
  ),
  p: part(
    '+MOuFrbtmPddrohPRCHl1ZH9mQFPSjKipou1zfBvy2EQ9ct19bZ18JrIwTPWJ45ahFyZXExKaAwgWFVhPUvoD3cobMq6G/vuS1/f' +
      'bv+pn88+wMHQpm1v50pzn+HLbnvvsoFwH+l+fvzdbwa7Yh8LOYwKg7LNixLZUfYHl2cMx88=',
  ),
  q: part(
    '7BnQyvhc9tDn3TYdPXU2W/n3C9iB5tfIux/S03QVF7nVAIuEteWzinWdHxgCNRwvJ+6BpWEu6fx99C202khYlACapT+Nn8FF/yn8' +
      '7HlHh9uXikItNFKYaHrR1To+ZC6U5bGIsVG8IGmoxTUxk9+evROD6EJrkO9yNg2KAWjW000=',
  ),
  dp: part(
    'fle74jN0Bt2TieIXCA6DUW39M6lzoMaIzzdj1b1Iui2JVJzKQ0oxKksirOVr3dkx5cm15ielHqUSBGsQoPYdXUVylZZ84VuZklSW' +
      'AST9/HlgcLu/AdfRHtI0WT5veKSff7S3wq1vHoXE3O+5WcNUixyx9mNoezrOfw8Kmf2vgwc=',
  ),
  dq: part(
    'eDTgmCaBdmyAUKFXm83MomGPBWnzIWvl2FfoiB5HCvBjYUanh9Dua2VcXNNldFLoM2V8fo4PS7RxEFwhAy3oY1o3YkEMQzUtBTAE' +
      'hQVuhN4ptovg5g3TaQZ3RR/FWk5ZIuUT2mvp43rIIbfmiQpGkK+Z7iu7BmzS8nBMPlF5ZtU=',
  ),
  qi: part(
    '4ltNKorYhh2KrpRYHjU42R/vzIbL49S1N0e0SWcmBolTQSUg0BXQ33hUYp5HZVVyhiyWRAdacHbiyIbonJFWbM2CTgOkDuAgmgdY' +
      'KUW0ZTQkJCvks1pD827iAatm35TxiN8uBp2pjJvhAyMAyOrgrWCHaTxb/qMI560Bm3ej2rE=',
  ),
};
