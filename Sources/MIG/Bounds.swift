/// Every bound that protects the broker from its clients and its files, in one place.
///
/// The defaults are those of the product; `migbrokerd --limit NAME=N` changes one by the name of its property.
package struct Bounds: Sendable, Equatable {
    /// Bytes of one call on the wire, the closing NUL not counted.
    package var callBytes = 64 << 10
    /// Bytes of one reply on the wire.
    package var replyBytes = 4 << 20
    /// Levels of arrays and objects in one another.
    package var depth = 16
    package var keysPerObject = 64
    /// Bytes of one decoded string in a call.
    package var stringBytes = 4 << 10
    /// Connections at once, all users together.
    package var connections = 256
    /// Connections at once of one user.
    package var connectionsPerUser = 32
    /// Connections of `connections` that only root may take.
    package var connectionsForRoot = 16
    /// Seconds that a message may take once its first byte has come.
    package var messageSeconds = 10
    /// Seconds without any message after which a connection is closed.
    package var idleSeconds = 300
    /// Bytes of a stream that may wait for a client that does not read; one reply may be longer.
    package var outputBytes = 64 << 10
    /// Changes a second of one user, in the long run.
    package var changesPerSecond = 20
    /// Changes of one user that may come at once.
    package var changeBurst = 40
    /// Seconds for a look-up of a user and his groups.
    package var lookupSeconds = 2
    /// Seconds for which such a look-up holds.
    package var lookupCacheSeconds = 5
    /// Seconds between two looks at whether the user database knows the owners of leases; a deleted user's leases end
    /// at the second look.
    package var ownerSeconds = 15
    /// Seconds between two tries to end a lease whose slice is busy.
    package var retrySeconds = 10
    /// Instances in one request.
    package var instancesPerRequest = 16
    /// Bytes of one policy file.
    package var policyBytes = 4 << 20
    /// Rules and limits in all policy files together.
    package var policyRules = 20_000
    /// MiB of one segment of the audit log; the next one follows.
    package var auditSegmentMiB = 64
    /// Days after which the next segment follows all the same.
    package var auditSegmentDays = 30
    /// Days for which audit records are kept: a year, and a month to look at it.
    package var auditKeepDays = 400
    /// MiB of audit log that are kept; the default is more than any disk has, so that age alone decides.
    package var auditKeepMiB = 1_000_000_000

    package init() {}

    /// The names that `--limit` takes, each with the property it sets.
    package static var names: [(name: String, property: WritableKeyPath<Bounds, Int>)] {
        [
            ("callBytes", \.callBytes), ("replyBytes", \.replyBytes), ("depth", \.depth),
            ("keysPerObject", \.keysPerObject), ("stringBytes", \.stringBytes), ("connections", \.connections),
            ("connectionsPerUser", \.connectionsPerUser), ("connectionsForRoot", \.connectionsForRoot),
            ("messageSeconds", \.messageSeconds), ("idleSeconds", \.idleSeconds),
            ("outputBytes", \.outputBytes), ("changesPerSecond", \.changesPerSecond),
            ("changeBurst", \.changeBurst), ("lookupSeconds", \.lookupSeconds),
            ("lookupCacheSeconds", \.lookupCacheSeconds), ("ownerSeconds", \.ownerSeconds),
            ("retrySeconds", \.retrySeconds),
            ("instancesPerRequest", \.instancesPerRequest), ("policyBytes", \.policyBytes),
            ("policyRules", \.policyRules), ("auditSegmentMiB", \.auditSegmentMiB),
            ("auditSegmentDays", \.auditSegmentDays), ("auditKeepDays", \.auditKeepDays),
            ("auditKeepMiB", \.auditKeepMiB),
        ]
    }

    /// Sets one bound from `NAME=N` with N from 1 to a thousand million.
    ///
    /// - Returns: false where the name is unknown or the number is none.
    package mutating func set(_ assignment: String) -> Bool {
        let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let value = Decimal.value(of: String(parts[1])), (1...1_000_000_000).contains(value),
            let entry = Self.names.first(where: { $0.name.utf8.elementsEqual(parts[0].utf8) })
        else { return false }
        self[keyPath: entry.property] = value
        return true
    }
}
