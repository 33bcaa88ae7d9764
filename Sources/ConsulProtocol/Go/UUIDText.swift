/// Why a text is no identifier of a session, node or token, in Consul's words. (They are
/// hashicorp/go-uuid's: sixteen random bytes in hexadecimal, without version bits.)
public enum UUIDText {
    /// Why a text is no identifier for a look-up, in the words of Consul's index (go-memdb, which
    /// takes no notice of where the hyphens are), or nil when it is one.
    public static func lookupError(_ text: [UInt8]) -> String? {
        guard text.count == 36 else { return "UUID must be 36 characters" }
        let digits = text.filter { $0 != hyphen }
        let hyphens = text.count - digits.count
        if hyphens > 4 { return "UUID should have maximum of 4 \"-\"; got \(hyphens)" }
        if digits.count % 2 != 0 { return "Input (without hyphens) must be even length" }
        guard let odd = digits.first(where: { Strconv.hexadecimalDigit($0) == nil }) else {
            return nil
        }
        return "Invalid UUID: encoding/hex: invalid byte: \(unicode(odd))"
    }

    private static let hyphen = UInt8(ascii: "-")

    /// A byte as Go's %#U has it: its number and, where it can be shown, itself.
    private static func unicode(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        let number = "U+" + String(repeating: "0", count: 4 - digits.count) + digits
        let isShown = (0x20...0x7e).contains(byte) || (byte > 0xa0 && byte != 0xad)
        return isShown ? "\(number) '\(Unicode.Scalar(byte))'" : number
    }

    /// Why a text is no identifier of a node (`uuid.ParseUUID`), or nil when it is one.
    public static func parseError(_ text: [UInt8]) -> String? {
        guard text.count == 36 else { return "uuid string is wrong length" }
        let isWellFormed = text.enumerated().allSatisfy { position, byte in
            let isHyphen = position == 8 || position == 13 || position == 18 || position == 23
            return isHyphen ? byte == hyphen : Strconv.hexadecimalDigit(byte) != nil
        }
        return isWellFormed ? nil : "uuid is improperly formatted"
    }
}
