#include "base/real/system_error.h"

#include <cerrno>
#include <system_error>

namespace vortex {

Code code_of_errno(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return Code::no_space;
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::exists;
    case ENOTEMPTY:
      return Code::not_empty;
    case EISDIR:
      return Code::is_directory;
    case ENOTDIR:
      return Code::not_directory;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::permission_denied;
    case ENAMETOOLONG:
    case ELOOP:
      return Code::invalid_path;
    case EFBIG:
      return Code::too_large;
    case EINVAL:
      return Code::invalid_argument;
    case EOPNOTSUPP:
      return Code::unsupported;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return Code::busy;
    case EADDRINUSE:
      return Code::in_use;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case ETIMEDOUT:
      return Code::unreachable;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN:
    case EBADF:
      return Code::closed;
    case ECANCELED:
      return Code::cancelled;
    default:
      return Code::io_error;
  }
}

Error system_error(int number, std::string_view action, std::string_view object) {
  std::string text(action);
  if (!object.empty()) text.append(" ").append(object);
  text.append(": ").append(std::generic_category().message(number));
  return Error(code_of_errno(number), std::move(text));
}

}  // namespace vortex
