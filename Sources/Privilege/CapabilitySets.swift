internal import CCap
internal import Glibc

/// The rights of one thread, as libcap hands them out: changed in memory, then set all at once.
@safe struct CapabilitySets: ~Copyable {
    // SAFETY: made by cap_get_proc or cap_init, freed once by deinit, used by libcap only.
    private let state: cap_t

    /// What this thread holds. `cap_get_proc(3)`
    static func ofThisThread() throws(PrivilegeError) -> CapabilitySets {
        try unsafe CapabilitySets(cap_get_proc(), "cap_get_proc")
    }

    /// None at all. `cap_init(3)`
    static func empty() throws(PrivilegeError) -> CapabilitySets {
        try unsafe CapabilitySets(cap_init(), "cap_init")
    }

    private init(_ state: cap_t?, _ call: String) throws(PrivilegeError) {
        guard let state = unsafe state else { throw .call(call, errno: errno) }
        unsafe self.state = state
    }

    deinit { _ = unsafe cap_free(UnsafeMutableRawPointer(state)) }

    /// Whether a right is in one of the sets. `cap_get_flag(3)`
    func has(_ capability: cap_value_t, in set: cap_flag_t) throws(PrivilegeError) -> Bool {
        var value = CAP_CLEAR
        guard unsafe cap_get_flag(state, capability, set, &value) == 0 else {
            throw .call("cap_get_flag", errno: errno)
        }
        return value == CAP_SET
    }

    /// Puts rights into one of the sets. `cap_set_flag(3)`
    func add(_ capabilities: [cap_value_t], to set: cap_flag_t) throws(PrivilegeError) {
        // libcap calls an empty list invalid.
        if capabilities.isEmpty { return }
        guard unsafe cap_set_flag(state, set, Int32(capabilities.count), capabilities, CAP_SET) == 0 else {
            throw .call("cap_set_flag", errno: errno)
        }
    }

    /// Makes these the rights of this thread. `cap_set_proc(3)`
    func apply() throws(PrivilegeError) {
        guard unsafe cap_set_proc(state) == 0 else { throw .call("cap_set_proc", errno: errno) }
    }
}
