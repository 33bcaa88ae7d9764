/// What the adversary can do.
package enum FaultKind: Int, CaseIterable, Sendable {
    case processCrash
    case powerCut
    case fullPartition
    case oneWayPartition
    case split
    case loss
    case doubling
    case reordering
    case slowWires
    case brokenConnections
    case pause
    case clockDrift
    case clockJump
    case wallJump
    case diskStall
    case slowDisk
    case diskError
    case logDiskFull
    case stateDiskFull
    case leadershipTransfer
    case membershipChange
    case clientDrop
    case diskLoss
    case flippedBit

    /// Counted when it takes effect, which it may never do: no write may come, or the node stop.
    var isMetLater: Bool {
        switch self {
        case .processCrash, .powerCut, .diskStall, .slowDisk, .diskError, .logDiskFull,
            .stateDiskFull, .flippedBit:
            true
        default: false
        }
    }

    package var name: String {
        switch self {
        case .processCrash: "process crash"
        case .powerCut: "power cut"
        case .fullPartition: "node cut off"
        case .oneWayPartition: "one-way cut"
        case .split: "split in two"
        case .loss: "lossy network"
        case .doubling: "doubling network"
        case .reordering: "reordering network"
        case .slowWires: "slow network"
        case .brokenConnections: "connections broken"
        case .pause: "process paused"
        case .clockDrift: "clock drift"
        case .clockJump: "clock jump"
        case .wallJump: "wall clock jump"
        case .diskStall: "disk stall"
        case .slowDisk: "slow disk"
        case .diskError: "disk error"
        case .logDiskFull: "log's disk full"
        case .stateDiskFull: "state's disk full"
        case .leadershipTransfer: "leadership transfer"
        case .membershipChange: "membership change"
        case .clientDrop: "client dropped"
        case .diskLoss: "disk lost"
        case .flippedBit: "flipped bit"
        }
    }
}
