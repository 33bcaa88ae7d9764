/// What a client may ask (ZooDefs.OpCode of 3.9).
package enum Opcode: Int32, CaseIterable, Sendable {
    case create = 1
    case delete = 2
    case exists = 3
    case getData = 4
    case setData = 5
    case getACL = 6
    case setACL = 7
    case getChildren = 8
    case sync = 9
    case ping = 11
    case getChildren2 = 12
    case check = 13
    case multi = 14
    case create2 = 15
    case reconfig = 16
    case checkWatches = 17
    case removeWatches = 18
    case createContainer = 19
    case deleteContainer = 20
    case createTTL = 21
    case multiRead = 22
    case auth = 100
    case setWatches = 101
    case sasl = 102
    case getEphemerals = 103
    case getAllChildrenNumber = 104
    case setWatches2 = 105
    case addWatch = 106
    case whoAmI = 107
    case createSession = -10
    case closeSession = -11

    /// The short name that `cons` prints as a connection's last operation (Request.op2String).
    package var shortName: String { Self.shortNames[self] ?? "UNKNOWN" }

    private static let shortNames: [Opcode: String] = [
        .create: "CREA", .delete: "DELE", .exists: "EXIS", .getData: "GETD", .setData: "SETD",
        .getACL: "GETA", .setACL: "SETA", .getChildren: "GETC", .sync: "SYNC", .ping: "PING",
        .getChildren2: "GETC", .check: "CHEC", .multi: "MULT", .create2: "CREA",
        .reconfig: "RECO", .checkWatches: "CHEC", .removeWatches: "REMO",
        .createContainer: "CREA", .deleteContainer: "DELE", .createTTL: "CREA",
        .multiRead: "MULT", .auth: "AUTH", .setWatches: "SETW", .sasl: "SASL",
        .getEphemerals: "GETE", .getAllChildrenNumber: "GETA", .setWatches2: "SETW",
        .addWatch: "ADDW", .whoAmI: "WHOA", .createSession: "SESS", .closeSession: "CLOS",
    ]
}

/// The xids that are no request's number.
package enum SpecialXID {
    package static let watchEvent: Int32 = -1
    package static let ping: Int32 = -2
    package static let auth: Int32 = -4
    package static let setWatches: Int32 = -8
}
