import Bytes
import Commands
import Foundation
import Raft
import StateMachine
import Testing
import VirtualReplica

@testable import Replica

/// What the leader is told of leases when entries are applied.
@Suite struct LeaseCensusTests {
    private final class Node {
        private let path: String
        private let applier: Applier
        private var index: UInt64 = 0

        init() throws {
            let url = FileManager.default.temporaryDirectory
                .appendingPathComponent("leases-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            path = url.path
            let (environment, tables) = try VirtualReplica.openState(path)
            applier = try Applier(
                machine: Machine(environment: environment, tables: tables),
                tables: tables,
                environment: environment,
                loops: [],
                limits: ReplicaLimits()
            )
        }

        deinit {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                preconditionFailure("the test's own directory: \(error)")
            }
        }

        /// What is due when these checks have been critical for long.
        func due(_ checks: [CheckKey]) throws -> [[UInt8]] {
            try applier.perform(.chores(Chores(critical: checks)))?.due ?? []
        }

        /// What is told of leases of this kind when these are applied in one batch.
        func leases(
            _ payloads: [UInt8]...,
            of lease: Lease = LeaseCensusTests.lease
        ) throws -> [LeaseChange] {
            let entries = payloads.map { payload in
                index += 1
                return Entry(index: LogIndex(index), term: Term(1), payload: payload)
            }
            let report = try applier.perform(.apply(CommittedBatch(entries: entries)))
            return (report?.leases ?? []).filter { change in
                switch change {
                case .started(lease, _, _), .ended(lease): true
                default: false
                }
            }
        }
    }

    private static func check(
        ttl: Int64,
        _ status: CheckStatus = .passing,
        node: ByteString = "n1"
    ) -> [UInt8] {
        let check = CheckDefinition(node: "", id: "web", status: status, ttlMilliseconds: ttl)
        let definition = NodeDefinition(name: node, address: "10.0.0.1")
        return Register(node: definition, checks: [check]).encode(CommandHeader())
    }

    private static let removal = Deregister(node: "n1", checkID: "web").encode(CommandHeader())
    private static let lease = Lease.check(CheckKey(node: "n1", check: "web"))

    /// Its lease ran on, and the leader proposed its expiry once a TTL for as long as it led.
    @Test func `a deregistered TTL check has no lease, nor has one that lost its TTL`() throws {
        let node = try Node()
        let begun = LeaseChange.started(Self.lease, durationMilliseconds: 5_000)
        #expect(try node.leases(Self.check(ttl: 5_000)) == [begun])
        #expect(try node.leases(Self.removal) == [.ended(Self.lease)])
        #expect(try node.leases(Self.check(ttl: 5_000)) == [begun])
        #expect(try node.leases(Self.check(ttl: 0)) == [.ended(Self.lease)])
        #expect(try node.leases(Self.check(ttl: 5_000)) == [begun])
        let gone = Deregister(node: "n1").encode(CommandHeader())
        #expect(try node.leases(gone) == [.ended(Self.lease)])
    }

    /// It inherited the time that was left of the old one.
    @Test func `a check that is registered anew begins anew, in one batch too`() throws {
        let node = try Node()
        _ = try node.leases(Self.check(ttl: 5_000))
        let changes = try node.leases(Self.removal, Self.check(ttl: 5_000))
        #expect(
            changes == [
                .ended(Self.lease), .started(Self.lease, durationMilliseconds: 5_000),
            ]
        )
    }

    /// Names of the catalog compare without regard to case, and so do those of leases.
    @Test func `another spelling of the node is the same lease`() throws {
        let node = try Node()
        _ = try node.leases(Self.check(ttl: 5_000))
        let changes = try node.leases(Self.check(ttl: 6_000, node: "N1"))
        #expect(changes == [.started(Self.lease, durationMilliseconds: 6_000)])
    }

    private static func serviceCheck(_ status: CheckStatus) -> [UInt8] {
        let check = CheckDefinition(
            node: "",
            id: "web",
            status: status,
            serviceID: "w1",
            deregisterAfterMilliseconds: 60_000
        )
        return Register(
            node: NodeDefinition(name: "n1", address: "10.0.0.1"),
            service: ServiceDefinition(id: "w1", name: "w"),
            checks: [check]
        ).encode(CommandHeader())
    }

    /// Consul's DeregisterCriticalServiceAfter; it was taken, and nothing came of it.
    @Test func `a service whose check stays critical is deregistered`() throws {
        let node = try Node()
        let key = CheckKey(node: "n1", check: "web")
        let lease = Lease.critical(key)
        let begun = LeaseChange.started(lease, durationMilliseconds: 60_000)
        #expect(try node.leases(Self.serviceCheck(.passing), of: lease) == [.ended(lease)])
        #expect(try node.due([key]).isEmpty)
        #expect(try node.leases(Self.serviceCheck(.critical), of: lease) == [begun])
        let due = try node.due([key])
        #expect(due == [Deregister(node: "n1", serviceID: "w1").encode(CommandHeader())])
        #expect(try node.leases(due[0], of: lease) == [.ended(lease)])
        #expect(try node.due([key]).isEmpty)
    }
}
