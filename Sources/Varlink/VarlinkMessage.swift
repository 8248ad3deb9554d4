package import JSON

/// One message ready for the wire, closing NUL included; made once, it can be sent any number of times.
///
/// Replies hold `parameters`, `continues` and `error` and never a null: clients in the field close the connection on
/// anything more, or crash (facts/security.md section 6, gotchas 1 to 3).
package struct VarlinkMessage: Sendable {
    package let bytes: [UInt8]

    private init(_ value: JSONValue) {
        var bytes = value.bytes()
        bytes.append(0)
        self.bytes = bytes
    }

    /// The final reply of a call; `parameters` is an object.
    package static func reply(_ parameters: JSONValue) -> VarlinkMessage {
        VarlinkMessage(["parameters": parameters])
    }

    /// A reply that others follow, to a call with `more`.
    package static func partial(_ parameters: JSONValue) -> VarlinkMessage {
        VarlinkMessage(["parameters": parameters, "continues": true])
    }

    /// An error, which ends the call.
    package static func error(_ error: VarlinkError) -> VarlinkMessage {
        VarlinkMessage(["error": .string(error.name), "parameters": error.parameters])
    }

    /// A call as a client sends it.
    package static func call(_ method: String, _ parameters: JSONValue, _ mode: VarlinkCall.Mode) -> VarlinkMessage {
        let flags: [JSONValue.Member] =
            switch mode {
            case .single: []
            case .more: [JSONValue.Member("more", true)]
            case .oneway: [JSONValue.Member("oneway", true)]
            case .upgrade: [JSONValue.Member("upgrade", true)]
            }
        let header = [JSONValue.Member("method", .string(method)), JSONValue.Member("parameters", parameters)]
        return VarlinkMessage(.object(header + flags))
    }
}
