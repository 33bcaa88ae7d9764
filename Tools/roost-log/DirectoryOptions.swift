import ArgumentParser
import Foundation
import RaftStore

/// Where states are rebuilt, for verbs that do.
struct ScratchOptions: ParsableArguments {
    @Option(
        name: .customLong("scratch"),
        help: .init(
            "Where a state is rebuilt: on a disk with room for it. Nothing stays there.",
            valueName: "dir"
        )
    )
    var path = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/var/tmp"
}

/// From what a state is rebuilt, for verbs that write it out.
struct DivergenceOptions: ParsableArguments {
    @Flag(
        name: .customLong("use-diverged"),
        help: "Take also a state that was found to differ from the cluster's."
    )
    var isUsed = false
}

/// What every verb takes.
struct DirectoryOptions: ParsableArguments {
    @Option(
        name: .customLong("data-dir"),
        help: .init("The node's data directory.", valueName: "dir")
    )
    var path = "./roost-data"

    @Flag(help: "Print JSON lines instead of a table.")
    var json = false

    /// Runs a verb on the directory, and turns what goes wrong into text on stderr and an exit
    /// code. The verb answers the exit code of what it found.
    func inspect(
        _ verb: (InspectedDirectory, Output) throws -> ExitCode
    ) throws {
        try run { output in
            let directory = try InspectedDirectory(path)
            let code = try verb(directory, output)
            try output.flush()
            if try directory.wasChanged() { throw InspectionFailure.changed(path: path) }
            return code
        }
    }

    /// The same for a verb that finds for itself what to read.
    func run(_ verb: (Output) throws -> ExitCode) throws {
        let output = Output()
        let code: ExitCode
        do {
            code = try verb(output)
            try output.flush()
        } catch {
            var failure = InspectionFailure(error)
            // What came before the failure is printed; why it cannot be is one failure more.
            do { try output.flush() } catch { failure = InspectionFailure(error) }
            Output.complain(failure.description)
            throw failure.exitCode
        }
        if code != .success { throw code }
    }
}
