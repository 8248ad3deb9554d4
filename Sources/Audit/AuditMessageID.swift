/// What kind of entry the journal holds, by the `MESSAGE_ID=` that never changes: `journalctl MESSAGE_ID=...` finds all
/// of one kind.
enum AuditMessageID {
    /// The head of the log, told from time to time.
    static let head = "5ea76ccaebc540f1ae7015b3ada02a37"
    /// Records that the journal was not told.
    static let untold = "9058b7f9e675436ba5087f3de0333b21"

    /// Of records of a type.
    static func of(_ type: AuditRecordType) -> String {
        switch type {
        case .start: "986b4ca2bf7c4e61ab93b3fb3ae5a2d1"
        case .stop: "7110e358ce6845e7ae743e52bb013cd2"
        case .intent: "7c9b9043f12940a2ae5b8002b0a67cb1"
        case .outcome: "5c094f8522644750a28d019d9f950d3c"
        case .recovered: "921ffbd922bb44d9a27b57ed54a37adb"
        case .denied: "b810b06e667741b2a54856d8a2af7b39"
        case .leaseEnd: "61bec1ad024c42c2ad160bd554ccae47"
        case .revoke: "fc1b38790fe84211acab38b0718af448"
        case .externalChange: "cec39867c721442ea3c4414c940b3ef5"
        case .policyLoaded: "098f270be8e14700a18deeb1b41c8dba"
        case .policyRejected: "0a35ee9b62794f4ca30d0d515c9e2378"
        case .nodeRepaired: "16b4a828f2b443d5ab9a2c16207dedf4"
        case .clock: "0fd0da90654e4a38a1d0e5d53763e57c"
        case .gap: "ac88159e2dcb4f03a6557ed40bace6ad"
        case .rotate: "103ec13d56154cd8aedc50a9a2038d4d"
        case .continue: "76063f08e09141a2a932538a51a4b63e"
        case .checkpoint: "0702bbb72caf4b2eab210baa43994df8"
        case .seal: "5cbf653904654523af9d538d4b3696e3"
        case .health: "0c4eb4950bd04d93adf60310b02edb14"
        case .diskFull: "26a5b6952ac749b0a588a0bdfc9634f8"
        }
    }
}
