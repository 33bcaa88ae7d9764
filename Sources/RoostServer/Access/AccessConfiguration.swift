import ConsulServer
import Disk
import Logging
import ZooKeeperServer

/// Who may do what, and how much of it, as the operator says.
package struct AccessConfiguration: Sendable {
    package var isEnabled: Bool
    package var allowsByDefault: Bool
    package var initialManagementToken: String
    package var defaultToken: String
    package var superDigest: String?
    package var zooKeeperConnectionsPerAddressMax: Int
    package var httpConnectionsPerAddressMax: Int

    init(reading settings: SettingReader) throws(ConfigurationProblem) {
        isEnabled = try settings.truth(.aclEnabled)
        let policy = try settings.text(.aclDefaultPolicy)
        guard ["allow", "deny"].contains(policy) else {
            throw .value(.aclDefaultPolicy, policy, wanted: "allow or deny")
        }
        allowsByDefault = policy == "allow"
        initialManagementToken = try settings.text(.aclInitialManagementToken)
        defaultToken = try settings.text(.aclDefaultToken)
        let digest = try settings.text(.superDigest)
        guard digest.isEmpty || Self.isDigest(digest) else {
            throw .value(.superDigest, digest, wanted: "super: and the base64 of a SHA-1")
        }
        superDigest = digest.isEmpty ? nil : digest
        zooKeeperConnectionsPerAddressMax =
            try settings.number(.maxClientCnxns, in: 0...1_000_000)
        httpConnectionsPerAddressMax =
            try settings.number(.httpMaxConnsPerClient, in: 0...1_000_000)
        let isMeant =
            !allowsByDefault || !initialManagementToken.isEmpty || !defaultToken.isEmpty
        guard isEnabled || !isMeant else {
            throw .value(.aclEnabled, "false", wanted: "true, as other acl settings are there")
        }
    }

    /// "user:" and 28 characters of base64, which 20 bytes have.
    private static func isDigest(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && parts[1].utf8.count == 28
            && parts[1].last == "="
            && parts[1].utf8.dropLast().allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    func apply(to settings: inout ZooKeeperSettings) {
        settings.superDigest = superDigest
        settings.limits.connectionsPerAddressMax = zooKeeperConnectionsPerAddressMax
    }

    func tokens(in dataDirectory: String, _ logger: Logger) -> TokenSettings {
        var tokens = TokenSettings()
        tokens.isEnabled = isEnabled
        tokens.allowsByDefault = allowsByDefault
        tokens.initialManagement = initialManagementToken
        tokens.fallback = defaultToken
        let path = dataDirectory + "/" + Self.resetFile
        let pace = NoticePace()
        tokens.bootstrapReset = { Self.resetIndex(path, logger, pace) }
        return tokens
    }

    /// As in Consul's data directory: the index that a refused bootstrap has told.
    private static let resetFile = "acl-bootstrap-reset"
    private static let resetBytesMax = 32

    /// Anybody may have it read.
    private static func resetIndex(
        _ path: String,
        _ logger: Logger,
        _ pace: NoticePace
    ) -> UInt64 {
        let reason: String
        do throws(DiskError) {
            guard let text = try FileSystem.contents(path, bytesMax: resetBytesMax) else {
                return 0
            }
            let digits = String(decoding: text, as: UTF8.self).filter { !$0.isWhitespace }
            if let index = UInt64(digits) { return index }
            reason = "it is no number"
        } catch {
            reason = "\(error)"
        }
        guard pace.isDue() else { return 0 }
        logger.warning(
            "the bootstrap's reset is of no use",
            metadata: ["file": "\(path)", "reason": "\(reason)"]
        )
        return 0
    }
}

extension SettingReader {
    func truth(_ setting: Setting) throws(ConfigurationProblem) -> Bool {
        switch try text(setting) {
        case "true": return true
        case "false": return false
        case let other: throw .value(setting, other, wanted: "true or false")
        }
    }
}
