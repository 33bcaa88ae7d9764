/// The reference of all settings, written from the settings themselves: `roost config reference`
/// prints it, and `Docs.docc/Configuration.md` is its copy, which a test compares.
package enum SettingReference {
    package static func markdown() async throws(ConfigurationProblem) -> String {
        let ledger = SettingLedger()
        _ = try await ServerConfiguration.load(
            flags: [:],
            file: nil,
            environment: [:],
            ledger: ledger
        )
        return head + Setting.allCases.map { row($0, ledger) }.joined() + foot
    }

    private static func row(_ setting: Setting, _ ledger: SettingLedger) -> String {
        var meaning = setting.explanation
        if let bounds = ledger.bounds(setting) {
            meaning += " (\(bounds.lowerBound) to \(bounds.upperBound))"
        }
        let standard = setting.standard.description
        let shown = standard.isEmpty ? "" : "`\(standard)`"
        return "| `\(setting.flag)` | `\(setting.rawValue)` | `\(setting.variable)` | \(shown) | "
            + meaning.replacing("|", with: "\\|") + " |\n"
    }

    private static let head = """
        # Configuration

        Every setting, with its three spellings, its default and its bounds.

        ## Overview

        This page is written by `roost config reference` from the settings themselves.

        A setting is said by a flag of `roost server`, by a variable of the environment, or by a
        key of the JSON file that `--config` (or `ROOST_CONFIG`) names. A flag wins over a
        variable, a variable over the file. Numbers are numbers in the file, and not texts. A name
        that is no setting is refused, so that a mistyped one is not without effect.

        ```
        {
            "dataDir": "/var/lib/roost",
            "bind": "10.0.0.1",
            "httpPort": 8500
        }
        ```

        `roost config check` takes the same flags as `roost server`, starts nothing, and prints
        what would hold and who said so, or what is wrong (exit code 4). `roost config show`
        prints the file that says the same.

        ## The settings

        | flag | in the file | variable | default | what it means |
        |---|---|---|---|---|

        """

    private static let foot = """

        Ports are of TCP. Port 0 takes any free one, which the log names.

        """
}
