import Glibc
import Linux

/// Scripted failures, met at the entry of each call.
extension Machine {
    /// The faults in force, with what is left of them.
    package func faults() throws(MachineError) -> [Fault] { try faultDocument.value(lock: lock) }

    /// Changes the list of faults.
    package func changeFaults(_ body: (inout [Fault]) -> Void) throws(MachineError) {
        try lock.hold { () throws(MachineError) in
            guard counters.isWritable else { throw .refused(.noPermission) }
            var faults = try faultDocument.valueUnderLock()
            body(&faults)
            try faultDocument.replace(with: faults, Fault.bytes(of: faults))
        }
    }

    /// Lets a call meet the faults that are meant for it: waits, dies, or goes on.
    ///
    /// - Returns: what the call is to return at once, or nil where it is to do its work.
    package func meetFault(in function: String) throws(MachineError) -> DriverCode? {
        guard try faults().contains(where: { $0.concerns(function) }) else { return nil }
        guard let fault = try takeFault(in: function) else { return nil }
        if fault.delayMilliseconds > 0 { Clock.sleep(milliseconds: fault.delayMilliseconds) }
        switch fault.effect {
        case .none: return nil
        case .result(let code): return code
        case .crash:
            signal(SIGSEGV, SIG_DFL)
            raise(SIGSEGV)
            return .unknown
        case .kill:
            kill(getpid(), SIGKILL)
            return .unknown
        }
    }

    // A process that may not write the machine's files meets a fault without using it up.
    private func takeFault(in function: String) throws(MachineError) -> Fault? {
        guard counters.isWritable else {
            var faults = try faults()
            return Self.take(in: function, from: &faults)
        }
        return try lock.hold { () throws(MachineError) in
            var faults = try faultDocument.valueUnderLock()
            let taken = Self.take(in: function, from: &faults)
            try faultDocument.replace(with: faults, Fault.bytes(of: faults))
            return taken
        }
    }

    private static func take(in function: String, from faults: inout [Fault]) -> Fault? {
        var taken: Fault?
        for index in faults.indices where taken == nil && faults[index].concerns(function) {
            if faults[index].after > 0 {
                faults[index].after -= 1
            } else if let times = faults[index].times {
                guard times > 0 else { continue }
                faults[index].times = times - 1
                taken = faults[index]
            } else {
                taken = faults[index]
            }
        }
        return taken
    }
}
