internal import CLinux
internal import Glibc

/// The namespaces and mounts of this process; for the simulated machine and for tests, never for the daemon.
package enum Namespace {
    /// Gives this process a mount tree of its own, from which nothing reaches the host. Needs CAP_SYS_ADMIN.
    /// `unshare(CLONE_NEWNS)`, `mount(MS_PRIVATE)`
    package static func enterPrivateMounts() throws(SystemError) {
        _ = try checked("unshare", "mount namespace") { unshare(Int32(migbroker_CLONE_NEWNS)) }
        _ = try checked("mount", "/") {
            unsafe mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil)
        }
    }

    /// Shows a file or directory at another path too. `mount(MS_BIND)`
    package static func bind(_ source: String, at target: String) throws(SystemError) {
        _ = try checked("mount", target) { unsafe mount(source, target, nil, UInt(MS_BIND), nil) }
    }

    /// Mounts an empty file system in memory that honours device nodes.
    package static func mountMemory(at target: String, options: String) throws(SystemError) {
        // SAFETY: the option string lives through the call.
        _ = try checked("mount", target) {
            unsafe options.withCString { unsafe mount("tmpfs", target, "tmpfs", UInt(MS_NOSUID), $0) }
        }
    }

    /// Takes a mount away even while it is in use. `umount2(MNT_DETACH)`
    package static func detach(_ target: String) throws(SystemError) {
        _ = try checked("umount2", target) { unsafe umount2(target, Int32(MNT_DETACH)) }
    }
}
