/// What an operator may send in place of a first frame: four letters, answered by text and the
/// end of the connection. Their bytes, read as a frame's length, are beyond any limit.
package enum FourLetterWord: String, CaseIterable, Sendable {
    case conf
    case cons
    case crst
    case dirs
    case dump
    case envi
    case gtmk
    case hash
    case isro
    case mntr
    case ruok
    case srst
    case srvr
    case stat
    case stmk
    case wchc
    case wchp
    case wchs

    /// What a telnet client sends when it is interrupted: IAC IP IAC TM.
    package static let telnetClose: UInt32 = 0xfff4_fffd

    /// The word whose letters these four bytes are.
    package init?(code: UInt32) {
        for word in Self.allCases where word.code == code {
            self = word
            return
        }
        return nil
    }

    private var code: UInt32 {
        rawValue.utf8.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The answer of a server that has nothing to serve from.
    package static let notServing =
        "This ZooKeeper instance is not currently serving requests\n"

    /// The answer to a word that the operator has not allowed.
    package var refusal: String {
        "\(rawValue) is not executed because it is not in the whitelist.\n"
    }
}
