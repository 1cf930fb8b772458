/* Signing in with SAML: the provider's answer is sent once more, from our own page (views/sign_in_elsewhere.py). */
document.getElementById("onwards").submit();
