//! The grammar of [`select!`].

/// Waits until one of several channel operations can happen, and carries it out.
///
/// | arm | happens | |
/// |---|---|---|
/// | `recv(receiver) -> message => …` | when there is a message, or every sender is gone | `message: Result<T, RecvError>` |
/// | `send(sender, message) -> sent => …` | when there is room, or every receiver is gone | `sent: Result<(), SendError<T>>` |
/// | `default => …` | when no other arm can happen at once | |
/// | `default(patience) => …` | when no other arm could happen within `patience` | |
///
/// If several arms can happen, one of them is chosen at random; in a simulation the seed chooses, and
/// the calm choice is the first. A block, or an expression and a comma, follows `=>`. The body is
/// not inside of a hidden loop or closure: `break`, `continue`, `return` and `?` work as in the surrounding
/// code. Receivers and senders may be given by value or by reference. The message of a `send` is
/// evaluated only if that arm is chosen. If that takes time, and another sender takes the room
/// meanwhile, the arm waits for room as [`Sender::send`](crate::channel::Sender::send) does.
///
/// All channels must be simulated ones inside their simulation, or real ones outside.
///
/// ```
/// use std::time::Duration;
/// use labrpc::{channel, select, thread};
///
/// let (commands, apply_rx) = channel::unbounded();
/// let (stop, stopped) = channel::bounded::<()>(0);
/// let applier = thread::spawn(move || {
///     let mut applied = 0;
///     loop {
///         select! {
///             recv(apply_rx) -> command => match command {
///                 Ok(command) => applied += command,
///                 Err(_) => break,
///             },
///             recv(stopped) -> _ => break,
///             default(Duration::from_secs(60)) => panic!("nothing to do for a minute"),
///         }
///     }
///     applied
/// });
/// commands.send(3).unwrap();
/// select! {
///     send(commands, 4) -> sent => sent.unwrap(),
///     default => unreachable!("an unbounded channel has room"),
/// }
/// drop(commands);
/// assert_eq!(applier.join().unwrap(), 7);
/// # drop(stop);
/// ```
#[macro_export]
macro_rules! select {
    ($($arms:tt)+) => {
        $crate::__select!(@parse [] [] $($arms)+)
    };
}

/// The steps of [`select!`](crate::select): `@parse` and `@arm` turn each arm into
/// `{kind (receiver or sender) (message) (pattern) {body}}`; `@bind` evaluates each end once and binds
/// it to a name until the end; the last steps wait, and run the body of the chosen arm.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (@parse [$($arms:tt)*] $default:tt) => {
        $crate::__select!(@bind [$($arms)*] [] $default)
    };
    (@parse $arms:tt $default:tt default => $($rest:tt)*) => {
        $crate::__select!(@parse $arms $default default() => $($rest)*)
    };
    (@parse $arms:tt $default:tt $kind:ident $given:tt $(-> $result:pat)? => { $($body:tt)* }, $($rest:tt)*) => {
        $crate::__select!(@arm $arms $default $kind $given ($($result)?) { $($body)* } $($rest)*)
    };
    (@parse $arms:tt $default:tt $kind:ident $given:tt $(-> $result:pat)? => $body:expr, $($rest:tt)*) => {
        $crate::__select!(@arm $arms $default $kind $given ($($result)?) { $body } $($rest)*)
    };
    (@parse $arms:tt $default:tt $kind:ident $given:tt $(-> $result:pat)? => { $($body:tt)* } $($rest:tt)*) => {
        $crate::__select!(@arm $arms $default $kind $given ($($result)?) { $($body)* } $($rest)*)
    };
    (@parse $arms:tt $default:tt $kind:ident $given:tt $(-> $result:pat)? => $body:expr) => {
        $crate::__select!(@arm $arms $default $kind $given ($($result)?) { $body })
    };
    (@parse $arms:tt $default:tt $($rest:tt)*) => {
        compile_error!(concat!(
            "select! takes arms like `recv(receiver) -> message => …`, `send(sender, message) -> sent => …`, \
             `default => …` and `default(patience) => …`, with a comma after each that is not a block; found: ",
            stringify!($($rest)*),
        ))
    };

    (@arm [$($arms:tt)*] $default:tt recv($receiver:expr $(,)?) ($result:pat) $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse [$($arms)* {recv ($receiver) () ($result) $body}] $default $($rest)*)
    };
    (@arm [$($arms:tt)*] $default:tt send($sender:expr, $message:expr $(,)?) ($result:pat) $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse [$($arms)* {send ($sender) ($message) ($result) $body}] $default $($rest)*)
    };
    (@arm $arms:tt [] default() () $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse $arms [(::std::time::Duration::ZERO) $body] $($rest)*)
    };
    (@arm $arms:tt [] default($patience:expr $(,)?) () $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse $arms [($patience) $body] $($rest)*)
    };
    (@arm $arms:tt [$($default:tt)+] default $given:tt () $body:tt $($rest:tt)*) => {
        compile_error!("select! takes only one `default` arm")
    };
    (@arm $arms:tt $default:tt $kind:ident $given:tt $result:tt $body:tt $($rest:tt)*) => {
        compile_error!(concat!(
            "select! takes arms like `recv(receiver) -> message => …`, `send(sender, message) -> sent => …`, \
             `default => …` and `default(patience) => …`; found: ",
            stringify!($kind $given),
        ))
    };

    (@bind [{$kind:ident ($end:expr) $message:tt $result:tt $body:tt} $($rest:tt)*] [$($bound:tt)*] $default:tt) => {
        match $crate::channel::arms::$kind(&$end) {
            arm => $crate::__select!(@bind [$($rest)*] [$($bound)* {arm $message $result $body}] $default),
        }
    };
    (@bind [] [$({$arm:ident $message:tt $result:tt $body:tt})+] []) => {{
        let mut chosen = $crate::channel::arms::wait(&[$($arm.arm()),+]);
        $crate::__select!(@run chosen $({$arm $message $result $body})+)
    }};
    (@bind [] [$({$arm:ident $message:tt $result:tt $body:tt})*] [($patience:expr) $default:tt]) => {
        match $crate::channel::arms::wait_for(&[$($arm.arm()),*], $patience) {
            #[allow(unused_mut)]
            ::std::option::Option::Some(mut chosen) => {
                $crate::__select!(@run chosen $({$arm $message $result $body})*)
            }
            ::std::option::Option::None => $default,
        }
    };

    (@run $chosen:ident $({$arm:ident ($($message:expr)?) ($result:pat) $body:tt})*) => {
        $(if $chosen.is_next() {
            let $result = $arm.complete($chosen $(, $message)?);
            $body
        } else)* {
            ::std::unreachable!("one of the arms was chosen")
        }
    };
}
