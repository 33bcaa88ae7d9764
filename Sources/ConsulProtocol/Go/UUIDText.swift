/// Identifiers of sessions and nodes: hashicorp/go-uuid, sixteen random bytes in hexadecimal,
/// without version bits.
public enum UUIDText {
    /// "b6251bce-3eed-5bfd-8e06-b84f693bf9b7" of two random words.
    public static func make(_ high: UInt64, _ low: UInt64) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for position in 0..<16 {
            if position == 4 || position == 6 || position == 8 || position == 10 {
                text.append(UInt8(ascii: "-"))
            }
            let word = position < 8 ? high : low
            let byte = UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (position & 7)))
            text.append(Strconv.hexadecimal(byte >> 4))
            text.append(Strconv.hexadecimal(byte & 15))
        }
        return text
    }

    /// Why a text is no identifier for a look-up, in the words of Consul's index (go-memdb), or
    /// nil when it is one.
    public static func lookupError(_ text: [UInt8]) -> String? {
        guard text.count == 36 else { return "UUID must be 36 characters" }
        for (position, byte) in text.enumerated() {
            let isDash = position == 8 || position == 13 || position == 18 || position == 23
            if isDash {
                guard byte == UInt8(ascii: "-") else { return "invalid UUID" }
            } else if Strconv.hexadecimalDigit(byte) == nil {
                return "invalid UUID"
            }
        }
        return nil
    }

    /// Why a text is no identifier of a node (`uuid.ParseUUID`), or nil when it is one.
    public static func parseError(_ text: [UInt8]) -> String? {
        guard text.count == 36 else { return "uuid string is wrong length" }
        guard lookupError(text) == nil else { return "uuid is improperly formatted" }
        return nil
    }
}
