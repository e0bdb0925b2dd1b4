// The values of docs/keys.md's example, sealed by a program written from that page alone (Python's
// `cryptography` 50.0).

import Crypto
import Glibc
import Vault

enum Sample {
    static let masterCheckValue =
        "eee341214842a41436f963744b36b99b21e09e1ea2eade935217cb5fa34f81e0"
    static let signingKey =
        "020101010101010101010101014ff94e1cd2d74b41cd3788a66222b701ed778f8291c5d258a07061"
        + "bcc4b574df77c612575e6d57950f0a659a7a832520"
    static let publicKey =
        "174553b456dddfc6908ecab1c101fe6ab21e2baa0617795b7d43a63482993fd5"
    static let organisationKey =
        "020202020202020202020202020579fed1618d217767de24437665b4ac4e3e31b5e4ed41a4f12c4e"
        + "415234e2392080ff3a82b43e874d605d5ac4607d1d"
    static let organisationCheckValue =
        "4c4f34a594697a2079590c97ebbb938192e0caa22295cecb55199e1a9bed3ded"
    static let dataKey =
        "02030303030303030303030303fe119fdcfc658b360c399bb397e6510ec0738f45c0c093214835ba"
        + "555295bbafa1065e32f962fb1a89a7da6f7541e0c9"
    static let dataCheckValue =
        "12fb8ee040e2ab9004d634cde459616a0eaf0d3da6cb18322e96ff0c6ad7b5a5"
    static let direct =
        "01040404040404040404040404d9c9c5d5c834f47e80743d52feef128ce928d49988f80b3b1d2b94"
        + "c141d5d60362fecdcfd623"
    static let derived =
        "020505050505050505050505050dd2bea4381db48474e48fef8c88fb3902a973c04b072814a1c2d3"
        + "57d238100213636fc389f0"
}

func bytes(_ text: String) -> [UInt8] { Hex.decode(text)! }

/// 00…1f.
func sampleMasterKey() throws -> MasterKey {
    try masterKey("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
}
