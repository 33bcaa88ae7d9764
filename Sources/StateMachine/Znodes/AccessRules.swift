internal import Bytes
internal import Commands

/// ZooKeeper's rules of who may do what (ZooKeeperServer.checkACL, PrepRequestProcessor.fixupACL),
/// with the providers that a server has by default: world, auth, digest, ip, and super.
struct AccessRules {
    let identities: [Identity]
    let client: ClientAddress

    private static let world: ByteString = "world"
    private static let anyone: ByteString = "anyone"
    private static let auth: ByteString = "auth"
    private static let digest: ByteString = "digest"
    private static let ip: ByteString = "ip"
    private static let superScheme: ByteString = "super"

    func allow(_ wanted: Permissions, by entries: [ACLEntry]) -> Bool {
        if entries.isEmpty { return true }
        if identities.contains(where: { $0.scheme == Self.superScheme }) { return true }
        return entries.contains { entry in
            !entry.permissions.isDisjoint(with: wanted) && matches(entry.identity)
        }
    }

    private func matches(_ wanted: Identity) -> Bool {
        switch wanted.scheme {
        case Self.world: return wanted.id == Self.anyone
        case Self.ip: return AddressRange(wanted.id)?.contains(client) ?? false
        case Self.digest: return identities.contains(wanted)
        default: return false
        }
    }

    /// The list to be stored: duplicates gone, `auth` replaced by who the client is. nil if it is
    /// not well-formed.
    func normalized(_ entries: [ACLEntry]) -> [ACLEntry]? {
        var known: Set<ACLEntry> = []
        let unique = entries.filter { known.insert($0).inserted }
        if unique.isEmpty { return nil }
        var result: [ACLEntry] = []
        for entry in unique {
            guard let expanded = expand(entry) else { return nil }
            result += expanded
        }
        return result
    }

    private func expand(_ entry: ACLEntry) -> [ACLEntry]? {
        switch entry.identity.scheme {
        case Self.world: return entry.identity.id == Self.anyone ? [entry] : nil
        case Self.auth:
            let proved = identities.filter { $0.scheme == Self.digest }
            if proved.isEmpty { return nil }
            return proved.map { ACLEntry(permissions: entry.permissions, identity: $0) }
        case Self.digest: return Self.isDigest(entry.identity.id) ? [entry] : nil
        case Self.ip: return AddressRange(entry.identity.id) != nil ? [entry] : nil
        default: return nil
        }
    }

    /// Java's "id.split(":") has two parts": empty parts at the end do not count.
    private static func isDigest(_ id: ByteString) -> Bool {
        let colon = UInt8(ascii: ":")
        var parts = id.bytes.split(separator: colon, omittingEmptySubsequences: false)
        while let last = parts.last, last.isEmpty { parts.removeLast() }
        return parts.count == 2
    }
}

/// An `ip` id: an address, or an address and how many of its bits count.
struct AddressRange: Equatable {
    var isIPv6: Bool
    var high: UInt64
    var low: UInt64
    var bits: Int

    init?(_ text: ByteString) {
        let slash = UInt8(ascii: "/")
        let parts = text.bytes.split(
            separator: slash,
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard let first = parts.first else { return nil }
        if let address = Self.ipv4(first) {
            self.init(isIPv6: false, high: 0, low: UInt64(address), bits: 32)
        } else if let address = Self.ipv6(first) {
            self.init(isIPv6: true, high: address.high, low: address.low, bits: 128)
        } else {
            return nil
        }
        guard parts.count == 2 else { return }
        guard let narrowed = Self.number(parts[1], radix: 10, digitsMax: 3), narrowed <= bits
        else { return nil }
        bits = narrowed
    }

    private init(isIPv6: Bool, high: UInt64, low: UInt64, bits: Int) {
        self.isIPv6 = isIPv6
        self.high = high
        self.low = low
        self.bits = bits
    }

    func contains(_ client: ClientAddress) -> Bool {
        switch client.family {
        case .none: false
        case .ipv4: !isIPv6 && (client.low ^ low) >> UInt64(32 - bits) == 0
        case .ipv6:
            isIPv6 && (client.high ^ high) & Self.mask(min(bits, 64)) == 0
                && (client.low ^ low) & Self.mask(max(bits - 64, 0)) == 0
        }
    }

    private static func mask(_ bits: Int) -> UInt64 {
        bits == 0 ? 0 : UInt64.max << UInt64(64 - bits)
    }

    private static func ipv4(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = number(part, radix: 10, digitsMax: 3), byte <= 255 else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    private static func ipv6(_ text: ArraySlice<UInt8>) -> (high: UInt64, low: UInt64)? {
        let colon = UInt8(ascii: ":")
        let parts = text.split(separator: colon, omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.count <= 9 else { return nil }
        var head: [UInt16] = []
        var tail: [UInt16] = []
        var gapSeen = false
        for (position, part) in parts.enumerated() {
            if part.isEmpty {
                let isEdge = position == 0 || position == parts.count - 1
                if gapSeen && !isEdge && !(position == 1 && parts[0].isEmpty) { return nil }
                gapSeen = true
            } else {
                guard let group = number(part, radix: 16, digitsMax: 4) else { return nil }
                if gapSeen { tail.append(UInt16(group)) } else { head.append(UInt16(group)) }
            }
        }
        let missing = 8 - head.count - tail.count
        guard gapSeen ? missing >= 1 : missing == 0 else { return nil }
        let groups = head + Array(repeating: 0, count: max(0, missing)) + tail
        let high = groups[..<4].reduce(0) { $0 << 16 | UInt64($1) }
        return (high, groups[4...].reduce(0) { $0 << 16 | UInt64($1) })
    }

    private static func number(_ text: ArraySlice<UInt8>, radix: Int, digitsMax: Int) -> Int? {
        guard !text.isEmpty, text.count <= digitsMax else { return nil }
        var value = 0
        for byte in text {
            let digit: UInt8
            switch byte {
            case 48...57: digit = byte - 48
            case 65...70: digit = byte - 55
            case 97...102: digit = byte - 87
            default: return nil
            }
            guard Int(digit) < radix else { return nil }
            value = value * radix + Int(digit)
        }
        return value
    }
}
