package import JSON

/// An error as the wire has it: a qualified name, and fields that let a program act.
package struct VarlinkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Interface and error, `org.varlink.service.InvalidParameter`.
    package let name: String
    /// An object. No member that its interface does not declare, and nothing that the caller may not know.
    package let parameters: JSONValue

    package init(_ name: String, _ parameters: JSONValue = .object([])) {
        self.name = name
        self.parameters = parameters
    }

    package static func == (a: VarlinkError, b: VarlinkError) -> Bool {
        a.name.hasBytes(of: b.name) && a.parameters == b.parameters
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(Array(name.utf8)) }

    package var description: String { "\(name) \(parameters.text(asciiOnly: true))" }
}

extension VarlinkError {
    /// No interface of that name is served.
    package static func interfaceNotFound(_ interface: String) -> VarlinkError {
        VarlinkError("org.varlink.service.InterfaceNotFound", ["interface": .string(interface)])
    }

    /// The interface has no such method.
    package static func methodNotFound(_ method: String) -> VarlinkError {
        VarlinkError("org.varlink.service.MethodNotFound", ["method": .string(method)])
    }

    /// The method is declared, but not offered, or not in the way it was called.
    package static func methodNotImplemented(_ method: String) -> VarlinkError {
        VarlinkError("org.varlink.service.MethodNotImplemented", ["method": .string(method)])
    }

    /// A parameter is missing, unknown, of the wrong type or out of range.
    package static func invalidParameter(_ parameter: String) -> VarlinkError {
        VarlinkError("org.varlink.service.InvalidParameter", ["parameter": .string(parameter)])
    }

    /// The answer takes more than one reply, so the method must be called with `more`.
    package static var expectedMore: VarlinkError { VarlinkError("org.varlink.service.ExpectedMore") }
}

extension VarlinkError {
    /// What a shape error of the parameters is on the wire: it names the field.
    package init(_ error: JSONShapeError) { self = .invalidParameter(error.path) }
}
