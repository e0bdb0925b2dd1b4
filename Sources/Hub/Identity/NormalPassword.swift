// Passwords are text that keyboards compose differently: é is one scalar on one device and two on another. They are
// hashed in Unicode's normal form C (UAX #15), which the standard library has without Foundation.

import Model
@_spi(_Unicode) import Swift

extension Password {
    /// The same text in normal form C.
    var normal: Password {
        let text = reveal
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return self }
        var scalars = String.UnicodeScalarView()
        for scalar in text._nfc { scalars.append(scalar) }
        return Password(String(scalars))
    }
}
