import API
import JSON
import Varlink

extension WireObject {
    /// A call's parameters; what is missing, unknown or of the wrong kind is named to the caller.
    init(parameters: JSONValue) throws(VarlinkError) {
        do throws(JSONShapeError) {
            try self.init(json: parameters)
        } catch {
            throw VarlinkError(error)
        }
    }
}

/// The parameters of a method that has none.
enum NoParameters {
    static func check(_ parameters: JSONValue) throws(VarlinkError) {
        do throws(JSONShapeError) {
            try JSONObjectReader(parameters, nullIsAbsent: true).finish()
        } catch {
            throw VarlinkError(error)
        }
    }
}
