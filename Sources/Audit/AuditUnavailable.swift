package import Linux

/// Why the log cannot take a record; the change it stands for must not be made.
package enum AuditUnavailable: Error, Hashable, Sendable, CustomStringConvertible {
    case unsafePath(SafePathError)
    case system(SystemError)
    /// Only the reserve is left, and it is kept for the ends of what was begun.
    case diskFull
    /// Another process writes this log.
    case inUse
    /// `close` was called.
    case closed
    /// A key is made only where there is none.
    case keyExists

    package var description: String {
        switch self {
        case .unsafePath(let error): error.description
        case .system(let error): error.description
        case .diskFull: "the disk under the audit log is full"
        case .inUse: "another process writes this audit log"
        case .closed: "the audit log is closed"
        case .keyExists: "the audit log has a key already"
        }
    }

    /// The same for a client, who learns no path.
    package var reason: String {
        switch self {
        case .unsafePath: "the audit log's file cannot be trusted"
        case .system(let error): "\(error.call): \(error.code.message)"
        case .diskFull, .inUse, .closed, .keyExists: description
        }
    }
}

extension AuditUnavailable {
    /// Runs what the kernel may refuse.
    static func system<Value: ~Copyable>(
        _ body: () throws(SystemError) -> Value
    ) throws(AuditUnavailable) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .system(error)
        }
    }

    /// Runs what the safe path rule may refuse.
    static func safe<Value: ~Copyable>(
        _ body: () throws(SafePathError) -> Value
    ) throws(AuditUnavailable) -> Value {
        do throws(SafePathError) {
            return try body()
        } catch {
            throw .unsafePath(error)
        }
    }
}

/// What the log can do now.
package enum AuditHealth: Hashable, Sendable {
    case writable
    /// The disk is full: changes are refused, but the ends of those that were begun are still recorded.
    case reserveOnly
    /// Nothing can be recorded; each call tries again.
    case unwritable(AuditUnavailable)
}
