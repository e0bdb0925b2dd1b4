/* libcrypto and libssl for Swift. Function-like macros are not imported, so the few that are needed
   get a function here. */
#pragma once

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/prctl.h>

/* Zeroed bytes in the locked heap once it is set up; NULL when it is full. */
static inline void *hub_secure_zalloc(size_t count) { return OPENSSL_secure_zalloc(count); }

/* Zeroed bytes of the ordinary heap. */
static inline void *hub_zalloc(size_t count) { return OPENSSL_zalloc(count); }

/* Overwrites and frees what either of the two returned. */
static inline void hub_clear_free(void *bytes, size_t count) {
    OPENSSL_secure_clear_free(bytes, count);
}

/* The tag of a decryption; libcrypto takes it as a mutable pointer and only reads it. */
static inline int hub_gcm_set_tag(EVP_CIPHER_CTX *context, const void *tag) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, (void *)tag);
}
static inline int hub_gcm_get_tag(EVP_CIPHER_CTX *context, void *tag) {
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag);
}

/* HMAC-SHA256 as parameters of a MAC context. */
static inline int hub_hmac_use_sha256(EVP_MAC_CTX *context) {
    OSSL_PARAM parameters[2] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(context, parameters);
}

/* prctl has a variable number of arguments, which Swift does not import. */
static inline int hub_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

/* What a server's context is told; the constants and setters are macros. */
static inline int hub_tls_configure(SSL_CTX *context, const char *groups, const char *signatures) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
                                     | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)
           && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION)
           && SSL_CTX_set1_groups_list(context, groups)
           && SSL_CTX_set1_sigalgs_list(context, signatures);
}
static inline int hub_tls_set_sni(SSL_CTX *context, int (*chosen)(SSL *, int *, void *)) {
    return (int)SSL_CTX_set_tlsext_servername_callback(context, chosen);
}

/* The key of a session ticket's MAC. */
static inline int hub_ticket_mac(EVP_MAC_CTX *context, void *key, size_t count) {
    OSSL_PARAM parameters[3] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, count),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(context, parameters);
}
