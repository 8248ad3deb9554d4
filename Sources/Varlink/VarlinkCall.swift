package import JSON
package import Linux
internal import MIG

/// A call as the server hands it on: decoded, but nothing in it checked against its interface.
package struct VarlinkCall: Sendable {
    /// What kind of answer the caller waits for.
    package enum Mode: Hashable, Sendable {
        case single
        /// Any number of replies.
        case more
        /// None at all, not even an error; the call is executed all the same.
        case oneway
        /// The connection, for another protocol.
        case upgrade
    }

    /// Interface and method, `io.migbroker.Broker.ListGPUs`.
    package let method: String
    /// An object; empty where the call had none.
    package let parameters: JSONValue
    package let mode: Mode
    /// Who opened the connection.
    package let caller: PeerCredentials
    /// Names the connection for as long as the server runs; for records.
    package let connection: UInt64

    /// The method without its interface.
    package var member: String { Self.split(method)?.member ?? method }

    static func split(_ method: String) -> (interface: String, member: String)? {
        guard let dot = method.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        return (String(method[..<dot]), String(method[method.utf8.index(after: dot)...]))
    }
}

/// What a call is before it is known whose: the decoded message.
///
/// UAPI.20 wants the connection closed on everything that throws here.
struct CallHeader {
    let method: String
    let parameters: JSONValue
    let mode: VarlinkCall.Mode

    init(_ message: [UInt8], limits: JSONLimits) throws(MalformedMessage) {
        let members = try MalformedMessage.members(of: message, limits: limits)
        var method: String?
        var parameters = JSONValue.object([])
        var modes: [VarlinkCall.Mode] = []
        for member in members {
            switch member.key {
            case _ where member.key.utf8.contains(UInt8(ascii: ".")): continue  // a vendor's own, to be ignored
            case let key where key.hasBytes(of: "method"): method = member.value.stringValue
            case let key where key.hasBytes(of: "parameters"): parameters = try Self.object(member)
            case let key where key.hasBytes(of: "oneway"): modes += try Self.flag(member) ? [.oneway] : []
            case let key where key.hasBytes(of: "more"): modes += try Self.flag(member) ? [.more] : []
            case let key where key.hasBytes(of: "upgrade"): modes += try Self.flag(member) ? [.upgrade] : []
            default: throw .unknownKey(member.key)
            }
        }
        guard let method else { throw .noMethod }
        guard modes.count <= 1 else { throw .severalModes }
        self.method = method
        self.parameters = parameters
        mode = modes.first ?? .single
    }

    private static func object(_ member: JSONValue.Member) throws(MalformedMessage) -> JSONValue {
        if member.value.isNull { return .object([]) }
        guard member.value.objectValue != nil else { throw .wrongType(member.key) }
        return member.value
    }

    private static func flag(_ member: JSONValue.Member) throws(MalformedMessage) -> Bool {
        if member.value.isNull { return false }
        guard let flag = member.value.boolValue else { throw .wrongType(member.key) }
        return flag
    }
}

/// Why bytes on the wire are no message.
package enum MalformedMessage: Error, Hashable, Sendable, CustomStringConvertible {
    case syntax(JSONSyntaxError)
    case notAnObject
    case unknownKey(String)
    case wrongType(String)
    case noMethod
    case severalModes
    case overlong
    /// A reply says that others follow, to a call that asked for one.
    case unexpectedContinuation

    package var description: String {
        switch self {
        case .syntax(let error): "malformed JSON at byte \(error.offset): \(error)"
        case .notAnObject: "a message is a JSON object"
        case .unknownKey(let key): "unknown key \(JSONValue.string(key).text(asciiOnly: true))"
        case .wrongType(let key): "\(JSONValue.string(key).text(asciiOnly: true)) has the wrong type"
        case .noMethod: "no method"
        case .severalModes: "more than one of oneway, more and upgrade"
        case .overlong: "longer than allowed"
        case .unexpectedContinuation: "several replies to a call for one"
        }
    }

    /// The members of the one object that a message is.
    static func members(
        of message: [UInt8], limits: JSONLimits
    ) throws(MalformedMessage) -> [JSONValue.Member] {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(message, limits: limits)
        } catch {
            throw .syntax(error)
        }
        guard let members = value.objectValue else { throw .notAnObject }
        return members
    }
}
