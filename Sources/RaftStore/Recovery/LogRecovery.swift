enum LogRecovery {
    static func run(
        _ directory: String,
        verdict: TrustMarker.Verdict
    ) throws(StoreError) -> RecoveryReport {
        RecoveryReport(outcome: .processCrash)
    }
}
