package import Bytes
import Commands
import Crypto
import ZooKeeperProtocol

/// Who a client proves to be. The `ip` identity needs no proof: it follows from the socket.
extension ZooKeeperConnection {
    func authenticate(_ xid: Int32, _ body: RawSpan) -> Intake {
        var reader = JuteReader(body)
        let scheme: ByteString
        let secret: [UInt8]?
        do throws(JuteError) {
            let record = try AuthRecord(&reader)
            scheme = ByteString(copying: record.scheme)
            secret = record.secret
        } catch {
            return .stop
        }
        switch scheme {
        case "digest": return authReply(xid, isProved(by: secret) ? .ok : .authFailed)
        case "ip": return authReply(xid, .ok)
        default: return authReply(xid, .authFailed)
        }
    }

    private func isProved(by secret: [UInt8]?) -> Bool {
        guard let secret else { return false }
        let digest = DigestIdentity.id(of: secret)
        let known = identities.identities
        if known.contains(Identity(scheme: "digest", id: digest)) { return true }
        let knownBytes = known.reduce(0) { $0 + $1.id.bytes.count }
        guard known.count < limits.identitiesMax,
            knownBytes + digest.bytes.count <= limits.identityBytesMax
        else { return false }
        if let superDigest = loop.settings.superDigest, digest == ByteString(superDigest) {
            prove(Identity(scheme: "super", id: ""))
        }
        prove(Identity(scheme: "digest", id: digest))
        return true
    }

    private func prove(_ identity: Identity) {
        guard !identities.identities.contains(identity) else { return }
        identities = IdentityList(identities.identities + [identity])
    }

    /// With the xid that was sent, which clients choose as -4.
    private func authReply(_ xid: Int32, _ code: ErrorCode) -> Intake {
        out.plain(ReplyHeader(xid: xid, zxid: 0, error: code.rawValue))
        guard code != .ok else { return .taken }
        loop.traffic.authenticationsFailed += 1
        return .stop
    }

    /// Schemes and user names, the address last.
    func whoAmI(_ xid: Int32) {
        let mark = out.begin(header(xid))
        let known = identities.identities
        out.integer(Int32(truncatingIfNeeded: known.count + 1))
        for identity in known {
            out.juteBytes(identity.scheme.bytes.rawSpan)
            out.juteBytes(DigestIdentity.user(of: identity.id).rawSpan)
        }
        out.juteBytes(Array("ip".utf8).rawSpan)
        out.juteBytes(Array(header.client.host.utf8).rawSpan)
        out.end(mark)
    }
}

/// The digest scheme's ids: "user:" and the base64 of SHA-1 over "user:password"
/// (DigestAuthenticationProvider.generateDigest).
package enum DigestIdentity {
    package static func id(of secret: [UInt8]) -> ByteString {
        let hash = Insecure.SHA1.hash(data: secret)
        let user = secret.prefix { $0 != UInt8(ascii: ":") }
        return ByteString(Array(user) + [UInt8(ascii: ":")] + Base64.encode(Array(hash)))
    }

    static func user(of id: ByteString) -> [UInt8] {
        Array(id.bytes.prefix { $0 != UInt8(ascii: ":") })
    }
}

enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            bits <<= UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let index = Int(bits >> UInt32(18 - 6 * position) & 63)
                text.append(position <= group.count ? alphabet[index] : UInt8(ascii: "="))
            }
        }
        return text
    }
}
