#include "server/grpc/credentials.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/error.h"
#include "server/read_file.h"
#include "server/view.h"

namespace skep::server {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

// `read` is one of OpenSSL's PEM_read_bio_*.
template <typename Read>
auto ReadPem(const std::string& pem, Read read) {
  // Without this OpenSSL asks the terminal for the key's passphrase.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const auto size = static_cast<int>(std::min<size_t>(pem.size(), std::numeric_limits<int>::max()));
  BIO* bio = BIO_new_mem_buf(pem.data(), size);
  const auto cleanup = absl::MakeCleanup([bio] {
    BIO_free(bio);
    ERR_clear_error();  // a later call on this thread must not find it
  });
  return read(bio, nullptr, no_passphrase, nullptr);
}

absl::Status FileError(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("'", path, "': ", what));
}

absl::StatusOr<std::string> ReadPemFile(const std::string& path) {
  absl::StatusOr<std::string> pem = ReadFile(path);
  if (pem.ok() && pem->empty()) return FileError(path, "the file is empty");
  return pem;
}

absl::StatusOr<Certificate> ParseCertificate(const std::string& path, const std::string& pem) {
  Certificate out(ReadPem(pem, PEM_read_bio_X509), X509_free);
  if (out == nullptr) return FileError(path, "holds no certificate in PEM format");
  return out;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& options) {
  if (!options.enabled()) return grpc::InsecureServerCredentials();
  absl::StatusOr<std::string> chain = ReadPemFile(options.certificate);
  if (!chain.ok()) return chain.status();
  absl::StatusOr<std::string> key = ReadPemFile(options.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<Certificate> certificate = ParseCertificate(options.certificate, *chain);
  if (!certificate.ok()) return certificate.status();
  const PrivateKey private_key(ReadPem(*key, PEM_read_bio_PrivateKey), EVP_PKEY_free);
  if (private_key == nullptr) {
    return FileError(options.key, "holds no private key in PEM format, without a passphrase");
  }
  const bool match = X509_check_private_key(certificate->get(), private_key.get()) == 1;
  ERR_clear_error();
  if (!match) {
    return FileError(options.key, absl::StrCat("is not the key of the certificate in '",
                                               options.certificate, "'"));
  }

  grpc::SslServerCredentialsOptions ssl;
  ssl.pem_key_cert_pairs.push_back({*std::move(key), *std::move(chain)});
  if (!options.client_ca.empty()) {
    absl::StatusOr<std::string> ca = ReadPemFile(options.client_ca);
    if (!ca.ok()) return ca.status();
    const absl::StatusOr<Certificate> first = ParseCertificate(options.client_ca, *ca);
    if (!first.ok()) return first.status();
    ssl.pem_root_certs = *std::move(ca);
    ssl.client_certificate_request = GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return grpc::SslServerCredentials(ssl);
}

absl::StatusOr<std::string> Authenticate(const ApiKeys* keys,
                                         const grpc::ServerContextBase& context) {
  if (keys == nullptr) return "";
  constexpr absl::string_view kScheme = "bearer ";
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  if (begin == end || std::next(begin) != end) {
    return engine::MakeError(engine::Reason::kUnauthenticated,
                             "this server needs the metadata 'authorization: Bearer KEY', once");
  }
  absl::string_view value(begin->second.data(), begin->second.size());
  if (!absl::StartsWithIgnoreCase(value, kScheme)) {
    return engine::MakeError(engine::Reason::kUnauthenticated,
                             "the metadata 'authorization' is not 'Bearer KEY'");
  }
  value.remove_prefix(kScheme.size());
  std::optional<std::string> tenant = keys->TenantOf(StdView(value));
  if (!tenant.has_value()) {
    return engine::MakeError(engine::Reason::kUnauthenticated, "the API key is not known here");
  }
  return *std::move(tenant);
}

}  // namespace skep::server
