// A certification authority for one test, and the files it makes: chains and keys for any names, expired ones
// too. They lie in a folder that goes with it.

import COpenSSL
import Glibc

package final class TestAuthority {
    package enum KeyType: Sendable { case p256, rsa2048, rsa1024 }

    package struct Pair: Sendable {
        package var chain: String
        package var key: String
    }

    package let folder: String
    let certificate: OpaquePointer
    private let key: OpaquePointer
    private var serial = 1

    package init() {
        var template = Array("/tmp/hub-tls-XXXXXX".utf8CString)
        folder = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
        key = Self.makeKey(.p256)
        certificate = Self.make(name: "Test authority", key: key, serial: 1, days: -10...3_650)
        Self.extend(certificate, NID_basic_constraints, "critical,CA:TRUE")
        Self.extend(certificate, NID_key_usage, "critical,keyCertSign,cRLSign")
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate))
        precondition(X509_sign(certificate, key, EVP_sha256()) > 0)
    }

    deinit {
        X509_free(certificate)
        EVP_PKEY_free(key)
        for file in files { unlink(file) }
        rmdir(folder)
    }

    private var files: [String] = []

    /// Writes a chain (with the authority's certificate behind it) and its key, which its owner alone can read.
    /// - Parameters:
    ///   - names: as subjectAltName has them, such as `DNS:hub.test`; none: the extension is left out.
    ///   - days: when it is valid, counted from today.
    package func issue(_ names: [String], as file: String = "server", type: KeyType = .p256,
                       days: ClosedRange<Int> = -1...30) -> Pair {
        let pair = Pair(chain: "\(folder)/\(file).pem", key: "\(folder)/\(file).key")
        let ownKey = Self.makeKey(type)
        defer { EVP_PKEY_free(ownKey) }
        serial += 1
        let own = Self.make(name: file, key: ownKey, serial: serial, days: days)
        defer { X509_free(own) }
        Self.extend(own, NID_basic_constraints, "critical,CA:FALSE")
        if !names.isEmpty { Self.extend(own, NID_subject_alt_name, names.joined(separator: ",")) }
        X509_set_issuer_name(own, X509_get_subject_name(certificate))
        precondition(X509_sign(own, key, EVP_sha256()) > 0)
        write(pair.chain) { for certificate in [own, self.certificate] { PEM_write_X509($0, certificate) } }
        write(pair.key) { PEM_write_PrivateKey($0, ownKey, nil, nil, 0, nil, nil) }
        return pair
    }

    /// Writes any text as a file.
    package func write(_ text: String, as file: String) -> String {
        let path = "\(folder)/\(file)"
        write(path) { _ = fputs(text, $0) }
        return path
    }

    private func write(_ path: String, _ body: (UnsafeMutablePointer<FILE>) -> Void) {
        unlink(path)
        let file = fopen(path, "w")!
        fchmod(fileno(file), 0o600)
        body(file)
        fclose(file)
        if !files.contains(path) { files.append(path) }
    }

    // MARK: Pieces

    private static func makeKey(_ type: KeyType) -> OpaquePointer {
        let context = EVP_PKEY_CTX_new_from_name(nil, type == .p256 ? "EC" : "RSA", nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        precondition(EVP_PKEY_keygen_init(context) == 1)
        switch type {
        case .p256: precondition(EVP_PKEY_CTX_set_group_name(context, "P-256") == 1)
        case .rsa2048: precondition(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2_048) == 1)
        case .rsa1024: precondition(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 1_024) == 1)
        }
        precondition(EVP_PKEY_keygen(context, &key) == 1)
        return key!
    }

    private static func make(name: String, key: OpaquePointer, serial: Int, days: ClosedRange<Int>)
        -> OpaquePointer
    {
        let certificate = X509_new()!
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial)
        X509_gmtime_adj(X509_getm_notBefore(certificate), days.lowerBound * 86_400)
        X509_gmtime_adj(X509_getm_notAfter(certificate), days.upperBound * 86_400)
        X509_set_pubkey(certificate, key)
        let subject = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, -1, -1, 0)
        return certificate
    }

    private static func extend(_ certificate: OpaquePointer, _ id: Int32, _ value: String) {
        let extra = X509V3_EXT_conf_nid(nil, nil, id, value)
        precondition(X509_add_ext(certificate, extra, -1) == 1)
        X509_EXTENSION_free(extra)
    }
}
