package import MIG

/// Proof that the intent of a change is on disk; the executor consumes one for each change.
///
/// Only `AuditLog.intend` makes it, and only `AuditLog.conclude` ends it: a change without a durable intent does not
/// compile. One that is lost with its process is found by the next start, as an intent without an outcome.
package struct IntentReceipt: ~Copyable, Sendable {
    package let operation: OperationID
    /// The numbers of the intent records.
    package let records: ClosedRange<Int64>

    init(operation: OperationID, records: ClosedRange<Int64>) {
        self.operation = operation
        self.records = records
    }
}
