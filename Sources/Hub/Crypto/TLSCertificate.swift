// A certificate chain and its private key, read from PEM files and checked as far as one end can: what a
// client would refuse, and a key that others can read, is refused here, where an operator sees it.

import COpenSSL
import Glibc

/// Where a certificate chain and its key lie.
package struct TLSFiles: Hashable, Sendable {
    /// PEM: the server's certificate first, then each issuer up to the root, which may be left out.
    package var chain: String
    /// PEM, without a passphrase.
    package var key: String
    package init(chain: String, key: String) {
        self.chain = chain
        self.key = key
    }
}

/// Why a certificate cannot be used; `text` says what and where, `remedy` what to do.
package struct TLSProblem: Error, Hashable, Sendable {
    package let text: String
    package let remedy: String
}

/// Not for sharing between threads; `TLSContext` takes it over.
struct TLSCertificate: ~Copyable {
    /// The server's own first.
    let chain: [OpaquePointer]
    let key: OpaquePointer
    /// DNS names in lower case; `*.` stands for one label.
    let names: [String]
    /// Seconds since 1970.
    let expiresAt: Int64

    init(_ files: TLSFiles, nowSeconds: Int64) throws(TLSProblem) {
        let chain = try Self.readChain(files.chain)
        do {
            try Self.check(chain, files.chain, nowSeconds)
            key = try Self.readKey(files, for: chain[0])
        } catch {
            for certificate in chain { X509_free(certificate) }
            throw error
        }
        self.chain = chain
        names = Self.names(chain[0]).dns
        expiresAt = Self.seconds(X509_get0_notAfter(chain[0]))
    }

    deinit {
        for certificate in chain { X509_free(certificate) }
        EVP_PKEY_free(key)
        ERR_clear_error()
    }

    // MARK: Chain

    private static let certificatesMax = 16

    private static func readChain(_ path: String) throws(TLSProblem) -> [OpaquePointer] {
        let text = try readFile(path, isSecret: false)
        guard let source = text.withBytes({ BIO_new_mem_buf($0.baseAddress, Int32($0.count)) }) else {
            preconditionFailure("out of memory")
        }
        defer { BIO_free(source) }
        var chain: [OpaquePointer] = []
        while chain.count < certificatesMax,
              let certificate = PEM_read_bio_X509(source, nil, { _, _, _, _ in -1 }, nil) {
            chain.append(certificate)
        }
        ERR_clear_error()
        guard !chain.isEmpty else {
            throw TLSProblem(text: "\(path) holds no certificate",
                             remedy: "name a PEM file (BEGIN CERTIFICATE)")
        }
        return chain
    }

    private static func check(_ chain: [OpaquePointer], _ path: String, _ nowSeconds: Int64)
        throws(TLSProblem)
    {
        for (index, certificate) in chain.enumerated() {
            let which = index == 0 ? "the certificate" : "certificate \(index + 1)"
            guard seconds(X509_get0_notBefore(certificate)) <= nowSeconds else {
                throw TLSProblem(text: "\(which) in \(path) is not valid yet",
                                 remedy: "check this machine's clock, or use an older certificate")
            }
            guard seconds(X509_get0_notAfter(certificate)) > nowSeconds else {
                throw TLSProblem(text: "\(which) in \(path) has expired", remedy: "renew it")
            }
            guard index == 0 || X509_check_issued(certificate, chain[index - 1]) == 0 else {
                throw TLSProblem(
                    text: "certificate \(index + 1) in \(path) did not issue the one above it",
                    remedy: "put the server's certificate first and below each the one that issued it")
            }
        }
        guard names(chain[0]).isUsable else {
            throw TLSProblem(text: "the certificate in \(path) names no host",
                             remedy: "ask for one with subjectAltName; clients ignore the common name")
        }
    }

    /// DNS names, and whether there is a name or address that a client can compare.
    private static func names(_ certificate: OpaquePointer) -> (dns: [String], isUsable: Bool) {
        guard let found = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else {
            return ([], false)
        }
        let list = OpaquePointer(found)
        defer { GENERAL_NAMES_free(list) }
        var dns: [String] = []
        var isUsable = false
        for index in 0..<OPENSSL_sk_num(list) {
            guard let name = OPENSSL_sk_value(list, index)?.assumingMemoryBound(to: GENERAL_NAME.self)
            else { continue }
            switch name.pointee.type {
            case GEN_IPADD: isUsable = true
            case GEN_DNS:
                let text = name.pointee.d.dNSName
                let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(text),
                                                count: Int(ASN1_STRING_length(text)))
                dns.append(String(decoding: asciiLowercased(bytes), as: UTF8.self))
                isUsable = true
            default: break
            }
        }
        return (dns, isUsable)
    }

    private static func seconds(_ time: OpaquePointer?) -> Int64 { seconds(UnsafePointer(time!)) }
    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return .min }
        return Int64(timegm(&parts))
    }

    // MARK: Key

    private static func readKey(_ files: TLSFiles, for certificate: OpaquePointer)
        throws(TLSProblem) -> OpaquePointer
    {
        SecretMemory.prepare()
        let text = try readFile(files.key, isSecret: true)
        guard let source = text.withBytes({ BIO_new_mem_buf($0.baseAddress, Int32($0.count)) }) else {
            preconditionFailure("out of memory")
        }
        defer {
            BIO_free(source)
            ERR_clear_error()
        }
        // Without the callback libcrypto would ask for a passphrase on the terminal.
        guard let key = PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil) else {
            throw TLSProblem(text: "\(files.key) holds no private key that can be read",
                             remedy: "name a PEM file (BEGIN PRIVATE KEY) without a passphrase")
        }
        guard X509_check_private_key(certificate, key) == 1 else {
            EVP_PKEY_free(key)
            throw TLSProblem(text: "the key \(files.key) does not belong to the certificate \(files.chain)",
                             remedy: "name the key that the certificate was asked for with")
        }
        return key
    }

    /// - Parameter isSecret: nobody else may be able to read it. Root may let a group, as Debian does with
    ///   `ssl-cert` and systemd with credentials.
    private static func readFile(_ path: String, isSecret: Bool) throws(TLSProblem) -> SecretBytes {
        func unusable(_ reason: String) -> TLSProblem {
            TLSProblem(text: "\(path) cannot be read: \(reason)",
                       remedy: "check the path and its owner; the hub's own user must be able to read it")
        }
        // Links are followed: those who renew certificates put a link where the newest is.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw unusable(String(cString: strerror(errno))) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw unusable(String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw unusable("it is no regular file") }
        guard (1...1 << 20).contains(status.st_size) else { throw unusable("it is \(status.st_size) bytes long") }
        if isSecret {
            let forbidden: mode_t = status.st_uid == 0 ? 0o037 : 0o077
            guard status.st_mode & forbidden == 0 else {
                throw TLSProblem(
                    text: "the key \(path) can be read by others (mode \(String(status.st_mode & 0o777, radix: 8)))",
                    remedy: "run `chmod 600 \(path)`, and ask for a new certificate if others have been here")
            }
            guard status.st_uid == geteuid() || status.st_uid == 0 else {
                throw TLSProblem(text: "the key \(path) belongs to another user",
                                 remedy: "run `chown` for the hub's own")
            }
        }
        var count = 0
        let bytes = SecretBytes(count: Int(status.st_size)) { out in
            count = Glibc.read(file, out.baseAddress, out.count)
        }
        guard count == bytes.count else { throw unusable("it changed while it was read") }
        return bytes
    }
}

/// A to Z become a to z (RFC 6125 §6.4.1); every other byte stays. Names are compared by their bytes.
func asciiLowercased(_ name: some Sequence<UInt8>) -> [UInt8] {
    name.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }
}
