public import Bytes

/// What a client may ask for (RFC 1035, 3.2.2; AAAA: RFC 3596, SRV: RFC 2782, OPT: RFC 6891).
public struct RecordType: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    public static let a = RecordType(rawValue: 1)
    public static let ns = RecordType(rawValue: 2)
    public static let cname = RecordType(rawValue: 5)
    public static let soa = RecordType(rawValue: 6)
    public static let ptr = RecordType(rawValue: 12)
    public static let txt = RecordType(rawValue: 16)
    public static let aaaa = RecordType(rawValue: 28)
    public static let srv = RecordType(rawValue: 33)
    public static let opt = RecordType(rawValue: 41)
    public static let axfr = RecordType(rawValue: 252)
    public static let any = RecordType(rawValue: 255)
}

/// One record of an answer; its class is always IN.
public struct Record: Hashable, Sendable {
    public var owner: DomainName
    public var secondsToLive: UInt32
    public var data: RecordData

    public init(_ owner: DomainName, secondsToLive: UInt32, _ data: RecordData) {
        self.owner = owner
        self.secondsToLive = secondsToLive
        self.data = data
    }
}

public enum RecordData: Hashable, Sendable {
    /// An A or AAAA record.
    case address(Address)
    case cname(DomainName)
    case ns(DomainName)
    case ptr(DomainName)
    case soa(StartOfAuthority)
    case srv(weight: UInt16, port: UInt16, target: DomainName)
    /// Of any length; a message has it in strings of 255 bytes.
    case txt(ByteString)

    public var type: RecordType {
        switch self {
        case .address(.v4): .a
        case .address(.v6): .aaaa
        case .cname: .cname
        case .ns: .ns
        case .ptr: .ptr
        case .soa: .soa
        case .srv: .srv
        case .txt: .txt
        }
    }
}

/// Who answers for a zone, with the times that Consul's answers have.
public struct StartOfAuthority: Hashable, Sendable {
    public var server: DomainName
    public var mailbox: DomainName
    public var serial: UInt32
    public var refreshSeconds: UInt32 = 3_600
    public var retrySeconds: UInt32 = 600
    public var expireSeconds: UInt32 = 86_400
    public var minimumSeconds: UInt32 = 0

    public init(server: DomainName, mailbox: DomainName, serial: UInt32) {
        self.server = server
        self.mailbox = mailbox
        self.serial = serial
    }
}
