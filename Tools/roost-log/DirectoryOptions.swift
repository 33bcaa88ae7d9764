import ArgumentParser
import RaftStore

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
        let output = Output()
        let code: ExitCode
        do {
            let directory = try InspectedDirectory(path)
            code = try verb(directory, output)
            output.flush()
            if try directory.wasChanged() { throw InspectionFailure.changed(path: path) }
        } catch {
            output.flush()
            let failure = InspectionFailure(error)
            Output.complain(failure.description)
            throw failure.exitCode
        }
        if code != .success { throw code }
    }
}
